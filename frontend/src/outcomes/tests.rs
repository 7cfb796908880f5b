use super::*;
use domain::trading::command::{Command, CommandName};
use domain::trading::parse::parse_action;
use domain::trading::{Accepted, Outcome, TransactionNum};
use std::time::Duration;

fn user(name: &str) -> UserName {
    UserName::parse(name.as_bytes()).unwrap()
}

fn id(number: u64) -> RequestId {
    RequestId::from_bytes((u128::from(number)).to_be_bytes())
}

fn add(user: &UserName, cents: u64) -> Action {
    let amount = format!("{user},{}.{:02}", cents / 100, cents % 100);
    parse_action(CommandName::Add, Some(amount.as_bytes()))
}

fn decided(request: &RequestId, action: Action) -> CommandDecided {
    let request = Some(request.clone());
    CommandDecided {
        command: Command { transaction: TransactionNum(7), received_ms: 1, request, action },
        applied_ms: 2,
        price: None,
        outcome: Outcome::Accepted(Accepted::Added),
    }
}

fn reply(number: u64, request: &RequestId, action: Action) -> Reply {
    Reply {
        decided: decided(request, action),
        entry: number,
        received: bus::Moment::default(),
        execution: Duration::ZERO,
        price_age: Some(Duration::from_millis(19)),
        summary: None,
    }
}

fn begin(outcomes: &Outcomes, user: &UserName, number: u64) -> Result<Turn, Fault> {
    outcomes.begin(user, &id(number), &add(user, 100 + number))
}

fn settle(outcomes: &Outcomes, user: &UserName, number: u64) {
    outcomes.settle(user, &id(number), reply(number, &id(number), add(user, 100 + number)));
}

fn is_first(turn: Result<Turn, Fault>) -> bool {
    matches!(turn, Ok(Turn::First(_)))
}

fn known(turn: Result<Turn, Fault>) -> Option<Arc<OutcomeView>> {
    match turn {
        Ok(Turn::Repeated(told)) => told.borrow().clone().map(Result::unwrap),
        _ => None,
    }
}

#[test]
fn a_waiting_buy_is_never_bought_twice() {
    let (outcomes, ann) = (Outcomes::default(), user("ann"));
    assert!(is_first(begin(&outcomes, &ann, 0)));
    // 260 others come and are settled while the first still waits for its price.
    for number in 1..=260 {
        assert!(is_first(begin(&outcomes, &ann, number)));
        settle(&outcomes, &ann, number);
    }
    let Ok(Turn::Repeated(told)) = begin(&outcomes, &ann, 0) else {
        panic!("it is carried out twice")
    };
    assert!(told.borrow().is_none());
    settle(&outcomes, &ann, 0);
    assert_eq!(told.borrow().clone().unwrap().unwrap().told.entry, 0);
    // Of the others the oldest are forgotten.
    assert!(known(begin(&outcomes, &ann, 260)).is_some());
    assert!(is_first(begin(&outcomes, &ann, 1)));
}

#[test]
fn too_many_unknown_outcomes_refuse_new_requests() {
    let (outcomes, ann) = (Outcomes::default(), user("ann"));
    for number in 0..PENDING as u64 {
        assert!(is_first(begin(&outcomes, &ann, number)));
    }
    assert_eq!(begin(&outcomes, &ann, 999).err(), Some(Fault::TooManyPending));
    // Those that wait can still be asked about, and others may ask.
    assert!(matches!(begin(&outcomes, &ann, 0), Ok(Turn::Repeated(_))));
    assert!(is_first(begin(&outcomes, &user("bob"), 999)));
    // What was not carried out makes room, and so does an outcome.
    outcomes.forget(&ann, &id(0), Fault::Busy(1));
    assert!(is_first(begin(&outcomes, &ann, 0)));
    settle(&outcomes, &ann, 1);
    assert!(is_first(begin(&outcomes, &ann, 999)));
    // A lost outcome stays unknown.
    outcomes.lose(&ann, &id(2));
    assert!(matches!(begin(&outcomes, &ann, 2), Ok(Turn::Repeated(_))));
}

#[test]
fn one_id_for_two_commands_is_refused() {
    let (outcomes, ann) = (Outcomes::default(), user("ann"));
    let other = |outcomes: &Outcomes| outcomes.begin(&ann, &id(1), &add(&ann, 99_999)).err();
    assert!(is_first(begin(&outcomes, &ann, 1)));
    assert_eq!(other(&outcomes), Some(Fault::RequestIdReused), "while it is unknown");
    settle(&outcomes, &ann, 1);
    assert_eq!(other(&outcomes), Some(Fault::RequestIdReused), "once it is known");
    // Nor after a restart, which knows it from the log.
    let restarted = Outcomes::default();
    restarted.recall(5, &decided(&id(1), add(&ann, 101)));
    assert_eq!(other(&restarted), Some(Fault::RequestIdReused), "after a restart");
    assert_eq!(known(begin(&restarted, &ann, 1)).unwrap().told.entry, 5);
    // Another user's id is another id.
    assert!(is_first(outcomes.begin(&user("bob"), &id(1), &add(&user("bob"), 5))));
}

#[test]
fn a_repeated_request_gets_the_same_answer() {
    let (outcomes, ann) = (Outcomes::default(), user("ann"));
    assert!(is_first(begin(&outcomes, &ann, 1)));
    let first = outcomes.settle(&ann, &id(1), reply(1, &id(1), add(&ann, 101)));
    let again = known(begin(&outcomes, &ann, 1)).unwrap();
    let json = |view: &OutcomeView| serde_json::to_string(view).unwrap();
    assert_eq!(json(&first), json(&again));
    assert!(json(&first).contains("\"price_age_ms\":19"));
}

#[test]
fn least_recently_active_users_are_forgotten_first() {
    let each = USER_COST + OUTCOME_COST + 64;
    let outcomes = Outcomes::bounded(10 * each);
    let users: Vec<UserName> = (0..40).map(|nth| user(&format!("user{nth}"))).collect();
    assert!(is_first(begin(&outcomes, &users[0], 0)));
    for (nth, user) in users.iter().enumerate() {
        assert!(is_first(begin(&outcomes, user, 1)));
        settle(&outcomes, user, 1);
        // The third comes back all the time, though he was among the first.
        if nth >= 2 {
            assert!(known(begin(&outcomes, &users[2], 1)).is_some(), "{nth}");
        }
    }
    assert!(outcomes.bytes() <= 10 * each);
    assert!(is_first(begin(&outcomes, &users[5], 1)), "one who was long silent");
    assert!(known(begin(&outcomes, &users[39], 1)).is_some(), "the newest");
    assert!(matches!(begin(&outcomes, &users[0], 0), Ok(Turn::Repeated(_))), "an unknown one");
}

#[test]
fn long_commands_push_out_their_own_users_outcomes() {
    let (outcomes, ann, bob) = (Outcomes::default(), user("ann"), user("bob"));
    assert!(is_first(begin(&outcomes, &bob, 1)));
    settle(&outcomes, &bob, 1);
    for number in 0..100 {
        let long = format!("{}x", "9".repeat(40_000));
        let action = parse_action(CommandName::Add, Some(format!("ann,{long}").as_bytes()));
        assert!(is_first(outcomes.begin(&ann, &id(number), &action)));
        outcomes.settle(&ann, &id(number), reply(number, &id(number), action));
        assert!(outcomes.bytes() < 3 * USER_BYTES);
    }
    assert!(known(begin(&outcomes, &bob, 1)).is_some());
}
