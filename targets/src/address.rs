//! Addresses, with and without a name, as a request has them.

use postledger_core::address::{Address, Mailbox};

/// An address is one line of envelope, and what is written of it reads as the same again.
pub(crate) fn address(input: &[u8]) {
    let Ok(text) = std::str::from_utf8(input) else { return };
    if let Ok(address) = text.parse::<Address>() {
        is_safe(&address);
        assert_eq!(address.to_string().parse(), Ok(address));
    }
    if let Ok(mailbox) = text.parse::<Mailbox>() {
        is_safe(&mailbox.address);
        let again = Mailbox::new(mailbox.name.as_deref(), mailbox.address.as_str());
        assert_eq!(again.as_ref(), Ok(&mailbox));
        assert_eq!(mailbox.to_string().parse::<Mailbox>().map(|it| it.address), Ok(mailbox.address));
    }
    let (name, address) = text.split_once('\n').unwrap_or(("", text));
    if let Ok(mailbox) = Mailbox::new(Some(name), address) {
        is_safe(&mailbox.address);
        let name = mailbox.name.unwrap_or_default();
        assert!(!name.chars().any(char::is_control), "{name:?}");
    }
}

/// It stands in `MAIL FROM:<…>`, where neither a line nor the brackets may end early (RFC 5321 4.1.2).
fn is_safe(address: &Address) {
    let text = address.as_str();
    assert!(text.len() <= 254 && !text.chars().any(char::is_control), "{text:?}");
    assert!(!text.contains(['<', '>', ' ']) || text.starts_with('"'), "{text:?}");
    assert_eq!(format!("{}@{}", address.local_part(), address.domain()), text);
    assert!(!address.local_part().is_empty() && !address.domain().is_empty(), "{text:?}");
    assert_eq!(address.is_internationalised(), !address.local_part().is_ascii(), "{text:?}");
}
