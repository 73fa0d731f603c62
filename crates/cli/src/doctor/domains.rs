//! What the DNS says for the domains that mail is sent from.

use super::ledger::Opened;
use super::{Check, Finding};
use crate::args::Doctor;
use crate::config::Config;
use postledger_core::event::{Event, MailEvent, Recorded};
use postledger_core::id::Position;
use postledger_dispatcher::{DnsRecord, DomainResolver, Weakness};

/// Events at the ledger's end in which senders are looked for, and domains that are asked for at most.
const EVENTS: i64 = 5000;
const DOMAINS: usize = 5;

pub(super) async fn examine(args: &Doctor, config: &Config, ledger: Option<&Opened>) -> Vec<Finding> {
    let mut domains = match (&args.domain[..], ledger) {
        ([], Some(ledger)) => recent(ledger).await,
        ([], None) => Vec::new(),
        (given, _) => given.to_vec(),
    };
    if args.domain.is_empty() {
        for dkim in &config.dkim {
            if !domains.contains(&dkim.domain) {
                domains.push(dkim.domain.clone());
            }
        }
    }
    if domains.is_empty() {
        return Vec::new();
    }
    let resolver = match DomainResolver::new(args.resolver) {
        Ok(resolver) => resolver,
        Err(error) => return vec![Finding::note(Check::Resolver, error.to_string())],
    };
    let mut findings = Vec::new();
    for domain in &domains {
        let own = config.dkim.iter().filter(|dkim| dkim.domain == *domain).map(|dkim| dkim.selector.clone());
        let selectors: Vec<_> = args.dkim.iter().cloned().chain(own).collect();
        let report = resolver.examine(domain, &selectors).await;
        // Without an answer to the first question the others would only wait.
        if let DnsRecord::Unanswered(error) = &report.spf {
            let seen = format!("no answer about {domain}: {error}");
            let advice = "check the machine's resolver, or name another with --resolver";
            findings.push(Finding::note(Check::Resolver, seen).advising(advice));
            break;
        }
        findings.push(judge(Check::Spf, domain, &report.spf));
        for (selector, record) in &report.dkim {
            findings.push(judge(Check::Dkim, &format!("{selector}._domainkey.{domain}"), record));
        }
        findings.push(judge(Check::Dmarc, domain, &report.dmarc));
    }
    findings
}

fn judge(check: Check, name: &str, record: &DnsRecord) -> Finding {
    let publish = match check {
        Check::Spf => {
            "publish a TXT record of the domain, such as `v=spf1 include:… -all` with what your relays' operators name"
        }
        Check::Dkim => "publish the TXT record with the public key that your relay's operator gives you",
        _ => {
            "publish a TXT record at _dmarc. of the domain, such as `v=DMARC1; p=quarantine; rua=mailto:you@…`"
        }
    };
    let finding = match record {
        DnsRecord::Sound { text, weakness } => match weakness {
            None => Finding::ok(check, clip(text)),
            Some(Weakness::AnyHost) => {
                let seen = format!("it lets every host send as the domain: {}", clip(text));
                Finding::warning(check, seen, "end it with `-all` or `~all`")
            }
            Some(Weakness::NoLimit) => {
                let seen = format!("it forbids no host: {}", clip(text));
                Finding::note(check, seen).advising("end it with `-all` or `~all`")
            }
            Some(Weakness::NoPolicy) => {
                let seen = format!("it asks receivers to do nothing: {}", clip(text));
                Finding::note(check, seen).advising("once reports are clean, use p=quarantine or p=reject")
            }
        },
        DnsRecord::Missing => {
            Finding::warning(check, "there is no record: mail is more often taken for spam", publish)
        }
        DnsRecord::Several(count) => {
            let seen = format!("there are {count} records, so that receivers use none");
            Finding::warning(check, seen, "leave one of them")
        }
        DnsRecord::Broken { text } => {
            Finding::warning(check, format!("it does not parse: {}", clip(text)), "correct it")
        }
        DnsRecord::Unanswered(error) => Finding::note(check, format!("no answer: {error}")),
    };
    finding.of(name)
}

/// Whoever owns the domain wrote it: nothing in it may steer a terminal.
fn clip(text: &str) -> String {
    let shown = text.chars().map(|char| if char.is_control() { char::REPLACEMENT_CHARACTER } else { char });
    console::truncate_str(&shown.collect::<String>(), 120, "…").into_owned()
}

/// Domains of the latest senders, the latest first.
async fn recent(ledger: &Opened) -> Vec<String> {
    let (end, mut domains) = (ledger.examined.position.0, Vec::new());
    let page =
        ledger.reader.page(Position((end - EVENTS).max(0)), usize::try_from(EVENTS).unwrap_or(0)).await;
    for event in page.unwrap_or_default().iter().rev() {
        for domain in senders(event) {
            if domains.len() < DOMAINS && !domains.contains(&domain) {
                domains.push(domain);
            }
        }
    }
    domains
}

/// SPF is asked of the reverse path's domain, DMARC of the author's.
fn senders(event: &Recorded) -> Vec<String> {
    let Event::Mail(MailEvent::Queued(queued)) = &event.event else { return Vec::new() };
    let Some(personal) = &queued.personal else { return Vec::new() };
    let addresses = [&personal.from.address, &personal.return_path];
    addresses
        .iter()
        .map(|address| address.domain().to_ascii_lowercase())
        .filter(|it| !it.is_empty())
        .collect()
}
