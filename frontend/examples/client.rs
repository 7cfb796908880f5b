//! A client of `daytrade up` in Rust: signs up, puts money in, buys, and hears of it over a
//! websocket.
//!
//! ```text
//! cargo run --release -- up                                 # in one terminal
//! cargo run -p frontend --example client -- 127.0.0.1:8080  # in another
//! ```

use futures_util::{SinkExt, StreamExt};
use serde_json::{Value, json};
use std::error::Error;
use tokio_tungstenite::connect_async;
use tokio_tungstenite::tungstenite::Message;
use tokio_tungstenite::tungstenite::client::IntoClientRequest;
use ureq::Agent;

/// Somebody who is signed in.
struct Client {
    agent: Agent,
    address: String,
    cookie: String,
    csrf: String,
}

impl Client {
    /// Signs a new user up. The answer has two things to keep: the session's cookie, and the token
    /// that every request that changes something carries.
    fn sign_up(address: &str, user: &str, password: &str) -> Result<Client, Box<dyn Error>> {
        let agent = Agent::new_with_defaults();
        let body = json!({ "user": user, "password": password }).to_string();
        let mut response = agent
            .post(format!("http://{address}/api/v1/users"))
            .header("content-type", "application/json")
            .send(&body)?;
        let cookie = response.headers().get("set-cookie").ok_or("no cookie")?.to_str()?;
        let cookie = cookie.split(';').next().unwrap_or_default().to_string();
        let session: Value = serde_json::from_str(&response.body_mut().read_to_string()?)?;
        let csrf = session["csrf"].as_str().ok_or("no token")?.to_string();
        Ok(Client { agent, address: address.to_string(), cookie, csrf })
    }

    /// Gives a command. Should the answer be lost, the same `request_id` again gets the same
    /// outcome, and does nothing twice.
    fn command(&self, request_id: &str, line: &str) -> Result<Value, Box<dyn Error>> {
        let body = json!({ "request_id": request_id, "line": line }).to_string();
        let mut response = self
            .agent
            .post(format!("http://{}/api/v1/commands", self.address))
            .header("cookie", &self.cookie)
            .header("x-csrf-token", &self.csrf)
            .send(&body)?;
        Ok(serde_json::from_str(&response.body_mut().read_to_string()?)?)
    }
}

#[tokio::main(flavor = "current_thread")]
async fn main() -> Result<(), Box<dyn Error>> {
    let address = std::env::args().nth(1).unwrap_or("127.0.0.1:8080".to_string());
    let mut chance = [0; 8];
    getrandom::fill(&mut chance)?;
    let chance = u64::from_ne_bytes(chance);
    let client = Client::sign_up(&address, &format!("example{chance:x}"), "an example of one")?;

    // The websocket belongs to the same session; `Origin` is the server's own.
    let mut request = format!("ws://{address}/api/v1/stream").into_client_request()?;
    request.headers_mut().insert("cookie", client.cookie.parse()?);
    request.headers_mut().insert("origin", format!("http://{address}").parse()?);
    let (mut stream, _) = connect_async(request).await?;
    stream.send(Message::text(json!({ "subscribe": ["account"] }).to_string())).await?;

    for (at, line) in ["ADD,1000.00", "BUY,ABC,500.00", "COMMIT_BUY"].into_iter().enumerate() {
        let request_id = format!("{:08x}-0000-4000-8000-{at:012x}", chance >> 32);
        let outcome = client.command(&request_id, line)?;
        println!("{line}: {}", if outcome["accepted"] == true { "accepted" } else { "refused" });
        // The push comes when the command is durable, as the answer does.
        while let Some(message) = stream.next().await {
            let Message::Text(text) = message? else { continue };
            let told: Value = serde_json::from_str(&text)?;
            if told["channel"] == "account" && told["type"] == "update" {
                let account = &told["account"];
                println!("  cash {}, shares {}", account["cash"], account["holdings"]);
                break;
            }
        }
    }
    stream.close(None).await?;
    Ok(())
}
