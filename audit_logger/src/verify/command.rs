//! A command and what the log says came of it, against what had to come of it.

use super::account::Moment;
use super::arguments::{Arguments, explains_absence, field_of};
use super::audit::{Audit, Group, Head, Item};
use super::codes::Code;
use super::findings::FindingKind;
use super::money::{self, Amount, Dollars};
use super::rules::{self, Before, Call, Expected};
use super::schema::{ElementKind, Field};
use super::words::{Argument, Reading, Verb};

impl Audit<'_> {
    /// Judges the command of a group. Returns how many of its effects belong to it; the rest came
    /// later.
    pub(super) fn command(&mut self, group: &Group, head: Head) -> usize {
        let error = group.items.iter().find(|item| item.kind == ElementKind::ErrorEvent);
        let Some(verb) = head.verb else {
            // Reported as a bad command.
            return group.items.len();
        };
        self.counts.command(verb, error.map(|error| error.code));
        let arguments = match (&self.workload, head.claimed) {
            (Some(workload), Some(line)) => workload.judged(line),
            _ => Arguments::of_fields(verb, &group.command),
        };
        let complete = self.fields(group, verb, error);
        let amount = group.command.field(Field::Funds).map(money::amount);
        let cents = match amount {
            Some(Amount::Good(cents) | Amount::Open(cents)) => cents,
            Some(Amount::Bad) | None => 0,
        };
        let call = Call {
            verb,
            stock: head.stock.unwrap_or_default(),
            cents,
            transaction: group.transaction,
        };
        let call = (arguments.good && complete).then_some(call);
        match error {
            Some(error) => {
                self.refused(group, head, error, arguments, call);
                group.items.len()
            }
            None => self.accepted(group, head, verb, arguments, call),
        }
    }

    /// The fields that the command must have are there, and no others. Returns whether those are
    /// there that the rules need.
    fn fields(&mut self, group: &Group, verb: Verb, error: Option<&Item>) -> bool {
        let code = error.and_then(|error| error.code);
        let number = Some(group.transaction);
        let line = group.command.line;
        let mut complete = true;
        for argument in [Argument::User, Argument::Stock, Argument::Amount, Argument::File] {
            let field = field_of(argument);
            let shown = group.command.field(field).is_some();
            if !verb.arguments().contains(&argument) {
                if shown && code != Some(Code::InvalidArguments) {
                    self.findings.add(FindingKind::FieldExtra, line, number, || {
                        format!("{} has no {}", verb.name(), field.name())
                    });
                }
                continue;
            }
            if shown || (verb == Verb::DumpLog && argument == Argument::User) {
                continue;
            }
            complete = false;
            if !code.is_some_and(|code| explains_absence(verb, argument, code)) {
                let kind = match argument {
                    Argument::User => FindingKind::UsernameMissing,
                    _ => FindingKind::FieldMissing,
                };
                self.findings.add(kind, line, number, || {
                    format!("{} without {}", verb.name(), field.name())
                });
            }
        }
        let funds = group.command.field(Field::Funds).and_then(money::decimal);
        if error.is_none() && funds.is_some_and(|funds| !funds.in_dollars) {
            self.findings.add(FindingKind::AmountNotInDollars, line, number, || {
                "the funds of a command that was carried out are not dollars with two decimals"
                    .to_string()
            });
        }
        complete
    }

    /// When the command took effect. `told` is its first effect.
    fn moment(&self, group: &Group, head: Head, told: Option<&Item>) -> Moment {
        if let Some(at) = told.and_then(|item| item.at) {
            return Moment { low: at, exact: true };
        }
        // Not before it was received, its price came, and what the user did before took effect.
        let clock = head.user.map_or(0, |user| self.accounts[user as usize].clock);
        let answered = group.own.iter().map(|quote| quote.at).min().unwrap_or(0);
        let received = head.at.unwrap_or(0);
        Moment { low: clock.max(answered).max(received), exact: false }
    }

    fn before(&mut self, head: Head, call: Call, moment: Moment, code: Option<Code>) -> Before {
        let Some(user) = head.user else {
            return Before::CarryOut { price: call.verb == Verb::Quote };
        };
        let account = &mut self.accounts[user as usize];
        let registers = self.options.registrations && code != Some(Code::UnknownAccount);
        if registers && !account.open && !matches!(call.verb, Verb::Quote | Verb::DumpLog) {
            account.open = true;
            self.counts.registered += u64::from(call.verb != Verb::Add);
        }
        rules::before(account, call, moment)
    }

    fn refused(
        &mut self,
        group: &Group,
        head: Head,
        error: &Item,
        arguments: Arguments,
        call: Option<Call>,
    ) {
        let number = Some(group.transaction);
        let moment = self.moment(group, head, Some(error));
        self.tick(head.user, moment);
        let mut price = None;
        let mut first = true;
        for item in &group.items {
            match item.kind {
                ElementKind::ErrorEvent if first => first = false,
                ElementKind::ErrorEvent => {
                    self.findings.add(FindingKind::UnknownError, item.line, number, || {
                        "a second errorEvent of the same command".to_string()
                    });
                }
                // A price may have been used to find that the command must be refused.
                ElementKind::SystemEvent
                    if head.verb.is_some_and(|verb| verb.tells_price() && item.tells(verb)) =>
                {
                    price = self.told_price(group, head, item);
                }
                _ => {
                    self.findings.add(FindingKind::RefusedWithEffect, item.line, number, || {
                        format!("{} of a refused command", item.kind.name())
                    });
                    self.move_cash(head.user, group.transaction, item);
                }
            }
        }
        let Some(code) = error.code else {
            self.findings.add(FindingKind::UnknownError, error.line, number, || {
                "its message begins with none of the known codes".to_string()
            });
            return;
        };
        if arguments.codes.contains(code) {
            self.unneeded_quotes(group, head, code);
            return;
        }
        let Some(call) = call else {
            if !arguments.good {
                self.findings.add(FindingKind::WrongCode, error.line, number, || {
                    format!("refused with {code}, not with {}", arguments.codes.words())
                });
            }
            return;
        };
        let before = self.before(head, call, moment, Some(code));
        let right = match before {
            Before::Refuse(right) | Before::TooOld(right, _) => Some(right),
            Before::Either(right) if right == code => Some(right),
            Before::Either(_) => None,
            Before::CarryOut { price: wanted } => {
                match self.refusal_with_price(group, head, call, code, price, wanted) {
                    Some(right) => right,
                    None => return,
                }
            }
        };
        match right {
            Some(right) if right == code => {
                if matches!(before, Before::Refuse(_)) {
                    self.unneeded_quotes(group, head, code);
                }
            }
            Some(right) => self.findings.add(FindingKind::WrongCode, error.line, number, || {
                format!("refused with {code}, not with {right}")
            }),
            None => self.findings.add(FindingKind::WronglyRefused, error.line, number, || {
                format!("refused with {code}: it had to be carried out")
            }),
        }
    }

    fn accepted(
        &mut self,
        group: &Group,
        head: Head,
        verb: Verb,
        arguments: Arguments,
        call: Option<Call>,
    ) -> usize {
        let number = Some(group.transaction);
        let told = group
            .items
            .first()
            .filter(|item| item.kind == ElementKind::AccountTransaction || item.tells(verb));
        let moment = self.moment(group, head, told);
        let mut used = 0;
        let event = group.items.first().filter(|item| verb.tells_price() && item.tells(verb));
        used += usize::from(event.is_some());
        let movement = group.items.get(used);
        let movement = movement.filter(|item| item.kind == ElementKind::AccountTransaction);
        used += usize::from(movement.is_some());

        if !arguments.good {
            self.bad_arguments(group, head, verb, arguments);
        }
        let Some(call) = call else {
            if let Some(item) = movement {
                self.move_cash(head.user, group.transaction, item);
            }
            return used;
        };
        let before = self.before(head, call, moment, None);
        match before {
            Before::Refuse(code) => {
                self.findings.add(FindingKind::NotRefused, head.line, number, || {
                    format!("carried out, and had to be refused: {code}")
                })
            }
            Before::TooOld(code, age) => {
                self.findings.add(FindingKind::WindowPassed, head.line, number, || {
                    format!("carried out {age} ms after the order it is about: {code}")
                });
            }
            Before::Either(_) | Before::CarryOut { .. } => {}
        }
        let logged = movement.and_then(Item::movement);
        let mut price = None;
        if verb.tells_price() {
            price = match event {
                Some(event) => self.told_price(group, head, event),
                None => self.own_price(group, head, call, moment, logged),
            };
        } else if !verb.arms() && !group.own.is_empty() {
            self.findings.add(FindingKind::QuoteNotNeeded, head.line, number, || {
                format!("{} needs no price", verb.name())
            });
        }
        let Some(user) = head.user else {
            if let Some(item) = movement {
                self.extra(group.transaction, item);
            }
            return used;
        };
        let account = &mut self.accounts[user as usize];
        // From here on the log is followed: one account that opens without an ADD is one finding.
        account.open |= before == Before::Refuse(Code::UnknownAccount);
        if let Some(price) = price
            && matches!(before, Before::CarryOut { .. })
            && let Some(code) = rules::at_price(account, call, price)
        {
            self.findings.add(FindingKind::NotRefused, head.line, number, || {
                let price = Dollars::of(price);
                format!("carried out at {price}, and had to be refused: {code}")
            });
        }
        if verb == Verb::Add && account.cash.checked_add(call.cents).is_none() {
            self.findings.add(FindingKind::NotRefused, head.line, number, || {
                format!("carried out, and had to be refused: {}", Code::BalanceLimit)
            });
        }
        let free = account.holding(call.stock).free;
        let expected = rules::carry_out(account, call, price, moment, logged);
        let left = account.holding(call.stock).free;
        if left < 0 && free >= 0 {
            self.findings.add(FindingKind::NegativeShares, head.line, number, || {
                format!("{left} shares of {} are left", call.stock)
            });
        }
        self.expect(user, group.transaction, expected, movement, head.line);
        self.tick(Some(user), moment);
        used
    }

    /// A command was carried out although its line in the workload, or a field of it in the log,
    /// is bad. (A field that is not there is reported as such.)
    fn bad_arguments(&mut self, group: &Group, head: Head, verb: Verb, arguments: Arguments) {
        let bad = verb.arguments().iter().any(|&argument| {
            let text = group.command.field(field_of(argument));
            text.is_some_and(|text| argument.read(text) == Reading::Bad)
        });
        if bad || head.claimed.is_some() {
            self.findings.add(FindingKind::NotRefused, head.line, head.transaction, || {
                format!("carried out, and had to be refused: {}", arguments.codes.words())
            });
        }
    }

    /// Compares the movement that had to be with the one that the log has.
    pub(super) fn expect(
        &mut self,
        user: u32,
        transaction: u64,
        expected: Expected,
        item: Option<&Item>,
        line: u64,
    ) {
        match (expected, item) {
            (Expected::Exactly(None) | Expected::Unknown, None) => {}
            (Expected::Exactly(Some(movement)), None) => {
                self.findings.add(FindingKind::MovementMissing, line, Some(transaction), || {
                    format!("no accountTransaction follows: {movement} had to")
                });
            }
            (Expected::Exactly(None), Some(item)) => self.extra(transaction, item),
            (Expected::Exactly(Some(movement)), Some(item)) => {
                if let Some(logged) = item.movement()
                    && logged != movement
                {
                    self.findings.add(
                        FindingKind::MovementWrong,
                        item.line,
                        Some(transaction),
                        || format!("{logged}, and {movement} had to move"),
                    );
                }
            }
            (Expected::Unknown, Some(_)) => {}
        }
        if let Some(item) = item {
            self.move_cash(Some(user), transaction, item);
        }
    }

    /// A movement that nothing explains.
    pub(super) fn extra(&mut self, transaction: u64, item: &Item) {
        self.findings.add(FindingKind::MovementExtra, item.line, Some(transaction), || match item
            .movement()
        {
            Some(movement) => format!("nothing explains {movement}"),
            None => "nothing explains an accountTransaction".to_string(),
        });
    }
}
