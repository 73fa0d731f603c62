//! Whether each relay answers, secures, and lets the service in, and for how long its certificate is good.

use super::certificate::ending;
use super::{Check, Finding};
use crate::commands::relay::failed;
use crate::config::Config;
use crate::system::SystemClock;
use crate::trouble;
use postledger_core::clock::Clock;
use postledger_core::outcome::{NotSent, Stage, Trouble};
use postledger_dispatcher::{Certificate, Refused, RelayExamined, TlsMode, examine_relay};

/// All at once: one that does not answer takes its time.
pub(super) async fn examine(config: &Config) -> Vec<Finding> {
    let usable: Vec<_> = config.relay.iter().filter_map(|relay| relay.to_dispatcher().ok()).collect();
    let tries: Vec<_> = usable
        .into_iter()
        .map(|relay| tokio::spawn(async move { (examine_relay(&relay).await, relay) }))
        .collect();
    let mut examined = Vec::with_capacity(tries.len());
    for attempt in tries {
        examined.extend(attempt.await.ok());
    }
    let is_any_usable = examined.iter().any(|(examined, _)| examined.answer.is_ok());
    let now = SystemClock.now();
    let mut findings = Vec::new();
    for (RelayExamined { answer, certificate }, relay) in &examined {
        let place = format!("{} at {}:{}", relay.name, relay.host, relay.port);
        findings.push(match answer {
            Ok(report) => {
                let took = report.took.as_secs_f64() * 1000.0;
                let tls = if report.is_encrypted { "TLS" } else { "no TLS" };
                let login = if report.is_authenticated { ", logged in" } else { "" };
                let finding = Finding::ok(Check::Relay, format!("it answers: {tls}{login}, {took:.0} ms"));
                finding.of(place.clone()).with("took_ms", took)
            }
            Err(not_sent) => unusable(not_sent, certificate.as_ref(), is_any_usable).of(place.clone()),
        });
        if let Some(Certificate { not_after: Some(not_after), refused: None | Some(Refused::Expired) }) =
            certificate
        {
            let then = "nothing is sent there";
            findings.push(ending(*not_after, now, then, "make sure that its operator renews it").of(place));
        }
        let is_plain = config.relay.iter().any(|it| it.name == relay.name && it.allow_plaintext);
        if relay.tls == TlsMode::Off && is_plain && answer.is_ok() {
            let remedy = "use tls = \"starttls\" or \"implicit\", unless the network between is yours alone";
            let seen = "mail goes there in the clear, as allow_plaintext allows";
            findings.push(Finding::warning(Check::Relay, seen, remedy).of(relay.name.as_str()));
        }
    }
    findings
}

fn unusable(not_sent: &NotSent, certificate: Option<&Certificate>, is_another_usable: bool) -> Finding {
    let refused = certificate.and_then(|certificate| certificate.refused);
    let detail = failed(not_sent)["detail"].as_str().unwrap_or_default().to_owned();
    let (seen, remedy) = match (refused, not_sent.stage) {
        (Some(refused), _) => because(refused),
        (None, Stage::Dns) => (detail, "correct `host`, or the machine's resolver"),
        (None, Stage::Connect) if is_of_proxy(not_sent.trouble) => {
            (detail, "check `proxy` and its login; try it by hand from here, such as with `curl --proxy`")
        }
        (None, Stage::Connect) if not_sent.trouble == Trouble::SourceAddress => {
            (detail, "`ip address` lists those of this machine; correct `source_address`")
        }
        (None, Stage::Connect) => (
            detail,
            "check `host` and `port`, and that a firewall lets this machine out: many networks block port 25",
        ),
        (None, Stage::Tls) => {
            (detail, "check `tls` and `port`: \"starttls\" goes with 587, \"implicit\" with 465")
        }
        (None, Stage::Auth) => (detail, "check `username` and the password; ask the relay's operator"),
        (None, Stage::Banner | Stage::Ehlo) => (
            detail,
            "check `port` and `tls`; if they are right, ask the relay's operator what it has against this machine",
        ),
        (None, Stage::Mail | Stage::Rcpt | Stage::Data | Stage::Body | Stage::Dot | Stage::Quit) => {
            (detail, "ask the relay's operator")
        }
    };
    let finding = if is_another_usable {
        Finding::warning(Check::Relay, format!("{seen}; mail goes over the others"), remedy)
    } else {
        Finding::failure(Check::Relay, seen, remedy)
    };
    finding.with("stage", not_sent.stage.as_str()).with("trouble", not_sent.trouble.as_str())
}

const fn is_of_proxy(trouble: Trouble) -> bool {
    matches!(
        trouble,
        Trouble::ProxyUnreachable
            | Trouble::ProxyTimeout
            | Trouble::ProxyRefused
            | Trouble::ProxyFailed
            | Trouble::ProxyProtocol
    )
}

fn because(refused: Refused) -> (String, &'static str) {
    let remedy = match refused {
        Refused::Expired => "its operator must renew it; until then nothing is sent there",
        Refused::NotYetValid => "check this machine's clock; if it is right, ask the relay's operator",
        Refused::OtherName => "use the name that stands in the certificate as `host`",
        Refused::UnknownIssuer => {
            "if the relay is your own, name its root certificate in `ca_file`; else ask its operator"
        }
        Refused::Invalid => "ask the relay's operator",
    };
    (trouble::refused(refused).to_owned(), remedy)
}

#[cfg(test)]
mod tests {
    use super::super::State;
    use super::*;

    #[test]
    fn a_relay_that_is_down_beside_another_is_a_warning() {
        let not_sent = NotSent { stage: Stage::Connect, trouble: Trouble::Reset, reply: None };
        assert_eq!(unusable(&not_sent, None, false).state, State::Failure);
        let finding = unusable(&not_sent, None, true);
        assert_eq!(
            (finding.state, &*finding.seen),
            (State::Warning, "no connection; mail goes over the others")
        );
    }
}
