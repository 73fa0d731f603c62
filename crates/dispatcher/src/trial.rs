//! One mail over one relay, outside of the queue.

use crate::config::RelayConfig;
use crate::smtp::session::Envelope;
use crate::transport::{Endpoint, Patience, connect};
use postledger_core::address::Address;
use postledger_core::outcome::{NotSent, Outcome, Stage, Trouble};
use tokio_util::sync::CancellationToken;

/// Sends one message for one recipient and says goodbye: the same connection, session and rules as for mail of the
/// queue, but no ledger, no second attempt and no other relay. `text` is a whole message with CRLF line ends.
///
/// # Cancel safety
/// Dropping it closes the connection; whether the message was sent is then not known.
pub async fn send_trial(
    config: &RelayConfig,
    return_path: Address,
    recipient: Address,
    text: &[u8],
) -> Outcome {
    let Ok(endpoint) = Endpoint::new(config.clone()) else {
        return Outcome::NotSent(NotSent { stage: Stage::Tls, trouble: Trouble::Tls, reply: None });
    };
    let mut connection = match connect(&endpoint, Patience::Usual, &CancellationToken::new()).await {
        Ok(connection) => connection,
        Err(not_sent) => return Outcome::NotSent(not_sent),
    };
    let envelope = Envelope {
        is_utf8: return_path.is_internationalised() || recipient.is_internationalised() || !text.is_ascii(),
        is_eight_bit: !text.is_ascii(),
        size: text.len() as u64,
        return_path,
        recipient,
    };
    let outcome = match connection.begin(envelope).await {
        Err(outcome) => outcome,
        Ok(()) => match connection.send_body([text, &[]]).await {
            Err(outcome) => outcome,
            Ok(()) => match connection.is_silent().await {
                Err(outcome) => outcome,
                Ok(()) => connection.finish().await,
            },
        },
    };
    if connection.session.is_open() {
        connection.quit().await;
    }
    outcome
}
