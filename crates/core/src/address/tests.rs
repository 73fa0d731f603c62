use super::*;
use proptest::prelude::*;

#[test]
fn domains_become_lower_case_a_labels() {
    let table = [
        ("ann@Example.NET", "ann@example.net"),
        ("ann@bücher.example", "ann@xn--bcher-kva.example"),
        ("Ann.M+tag@localhost", "Ann.M+tag@localhost"),
        ("анна@почта.example", "анна@xn--80a1acny.example"),
    ];
    for (given, expected) in table {
        assert_eq!(given.parse::<Address>().map(|a| a.to_string()), Ok(expected.to_owned()), "{given}");
    }
}

#[test]
fn what_could_break_an_envelope_or_a_header_is_refused() {
    let table = [
        ("ann", InvalidAddress::NoAt),
        ("@example.net", InvalidAddress::LocalPart),
        ("a..b@example.net", InvalidAddress::LocalPart),
        ("a b@example.net", InvalidAddress::LocalPart),
        ("a\r\nRCPT TO:<x@y.z>@example.net", InvalidAddress::LocalPart),
        ("a\0@example.net", InvalidAddress::LocalPart),
        ("a<b@example.net", InvalidAddress::LocalPart),
        ("\"a b\"@example.net", InvalidAddress::LocalPart),
        ("a\u{85}@example.net", InvalidAddress::LocalPart),
        ("ann@", InvalidAddress::Domain),
        ("ann@exa mple.net", InvalidAddress::Domain),
        ("ann@example.net>\r\nDATA", InvalidAddress::Domain),
        ("ann@-a.net", InvalidAddress::Domain),
        ("ann@[127.0.0.1]", InvalidAddress::Domain),
        ("ann@a_b.net", InvalidAddress::Domain),
    ];
    for (given, expected) in table {
        assert_eq!(given.parse::<Address>().err(), Some(expected), "{given:?}");
    }
    let long = format!("{}@example.net", "a".repeat(65));
    assert_eq!(long.parse::<Address>(), Err(InvalidAddress::LocalPart));
}

#[test]
fn mailboxes_in_every_spelling() {
    let table = [
        ("ann@example.net", None),
        ("Ann <ann@example.net>", Some("Ann")),
        ("<ann@example.net>", None),
        ("\"Ann, \\\"M.\\\"\" <ann@example.net>", Some("Ann, \"M.\"")),
        ("Jürgen Groß <ann@example.net>", Some("Jürgen Groß")),
    ];
    for (given, name) in table {
        let mailbox: Mailbox = given.parse().expect(given);
        assert_eq!(mailbox.name.as_deref(), name, "{given}");
        assert_eq!(mailbox.address.as_str(), "ann@example.net");
        assert_eq!(mailbox.to_string().parse(), Ok(mailbox), "{given} prints as it parses");
    }
    for wrong in ["Ann ann@example.net>", "A\nB <ann@example.net>", "Ann <ann@example.net> x"] {
        assert!(wrong.parse::<Mailbox>().is_err(), "{wrong:?}");
    }
}

/// A soft hyphen is nothing to IDNA: but for the bound this would be x.example after megabytes of them, too.
#[test]
fn a_domain_that_no_name_can_have_is_not_looked_at() {
    let padded = |hyphens: usize| format!("ann@x{}.example", "\u{ad}".repeat(hyphens)).parse::<Address>();
    assert_eq!(padded(100).map(|it| it.domain().to_owned()), Ok("x.example".to_owned()));
    assert_eq!(padded(1_000), Err(InvalidAddress::Domain));
}

proptest! {
    #[test]
    fn an_accepted_address_can_stand_in_a_command(text in "\\PC*|[ -~\\r\\n\\x00]{1,20}@[ -~\\r\\n]{1,20}") {
        if let Ok(address) = text.parse::<Address>() {
            prop_assert!(address.as_str().chars().all(|c| !c.is_control() && !"<> \"\\,;:()[]".contains(c)));
            prop_assert!(address.domain().is_ascii());
            prop_assert_eq!(address.as_str().parse(), Ok(address.clone()));
        }
    }
}
