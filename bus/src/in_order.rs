//! Sending that keeps the order of the calls, whatever room the mailbox has.

use actix::dev::RecipientRequest;
use actix::{MailboxError, Message, Recipient};
use std::pin::Pin;
use std::task::{Context, Poll, Waker};

/// Sends `message`: it is in the mailbox before this returns. The future ends when it has been
/// handled.
///
/// [`Recipient::send`] alone does not promise that. Where the mailbox is full (and before an
/// actor's start that is at 16 messages, whatever it sets later) the message stays with the
/// future until that is polled first, and one that is sent later may overtake it. So it is polled
/// first here. The mailbox may then hold more than its capacity: what bounds it is what its
/// senders may have on their way.
pub(crate) fn send<M>(
    recipient: &Recipient<M>,
    message: M,
) -> impl Future<Output = Result<M::Result, MailboxError>> + Send + use<M>
where
    M: Message + Send,
    M::Result: Send,
{
    let mut request: Pin<Box<RecipientRequest<M>>> = Box::pin(recipient.send(message));
    let first = request.as_mut().poll(&mut Context::from_waker(Waker::noop()));
    async move {
        match first {
            Poll::Ready(result) => result,
            Poll::Pending => request.await,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use actix::prelude::*;
    use std::sync::mpsc;

    #[derive(Message)]
    #[rtype(result = "u32")]
    struct Numbered(u32);

    struct Taker(Vec<u32>);

    impl Actor for Taker {
        type Context = actix::Context<Self>;
    }

    impl Handler<Numbered> for Taker {
        type Result = u32;

        fn handle(&mut self, Numbered(number): Numbered, _: &mut Self::Context) -> u32 {
            self.0.push(number);
            // The place in which it was taken.
            self.0.len() as u32 - 1
        }
    }

    #[test]
    fn no_message_overtakes_another_even_before_the_actor_has_started() {
        System::new().block_on(async {
            let arbiter = Arbiter::new();
            // The actor's thread is busy until it is let go, so the actor has not started.
            let (let_go, held) = mpsc::channel::<()>();
            arbiter.spawn_fn(move || {
                let _ = held.recv();
            });
            let taker = Taker::start_in_arbiter(&arbiter.handle(), |_| Taker(Vec::new()));
            let recipient = taker.recipient();
            let mut sent = Vec::new();
            for number in 0..100 {
                if number == 50 {
                    let_go.send(()).expect("the thread waits");
                }
                sent.push(send(&recipient, Numbered(number)));
            }
            // The last are asked first: it makes no difference when a future is polled.
            for (number, handled) in sent.into_iter().enumerate().rev() {
                assert_eq!(handled.await, Ok(number as u32));
            }
            arbiter.stop();
        });
    }

    #[test]
    fn an_actor_that_is_gone_takes_nothing() {
        System::new().block_on(async {
            let arbiter = Arbiter::new();
            let taker = Taker::start_in_arbiter(&arbiter.handle(), |_| Taker(Vec::new()));
            let recipient = taker.recipient();
            assert_eq!(send(&recipient, Numbered(0)).await, Ok(0));
            arbiter.stop();
            let _ = arbiter.join();
            assert_eq!(send(&recipient, Numbered(1)).await, Err(MailboxError::Closed));
        });
    }
}
