//! What a quote server sends, in reply to `robodwye` asking for `APP`.

use domain::trading::{Stock, UserName};
use quote_manager::source::parse_reply;

pub(crate) fn target(data: &[u8]) {
    let stock = Stock::parse(b"APP").expect("a stock");
    let user = UserName::parse(b"robodwye").expect("a user");
    match parse_reply(data, stock, &user) {
        Ok(reply) => {
            // The log has to be able to hold it, and to tell it as it was.
            assert!(reply.cryptokey.bytes().all(|byte| byte.is_ascii_graphic()));
            assert!(!reply.cryptokey.is_empty());
            let (price, time, key) = (reply.price.money(), reply.server_time_ms, &reply.cryptokey);
            let again = format!("{price},APP,robodwye,{time},{key}\n");
            assert_eq!(parse_reply(again.as_bytes(), stock, &user), Ok(reply));
        }
        Err(bad) => {
            let told = bad.to_string();
            assert!(told.bytes().all(|byte| (b' '..=b'~').contains(&byte)), "{told:?}");
            assert!(told.len() < 300, "{told}");
        }
    }
}
