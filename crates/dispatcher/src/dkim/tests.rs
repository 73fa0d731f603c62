use super::*;
use base64::Engine;
use base64::engine::general_purpose::STANDARD;
use mail_auth::common::crypto::{HashContext, HashImpl, Sha256};
use mail_auth::common::headers::Writer;
use postledger_core::time::Timestamp;

const AT: Timestamp = Timestamp::from_micros(1_796_115_600_000_000);
const HEAD: &str = "Date: Tue, 01 Dec 2026 09:00:00 +0000\r\n";
const CONTENT: &[u8] =
    b"Message-ID: <1@shop.example>\r\nFrom: Shop\r\n <shop@shop.example>\r\nTo: ann@example.net\r\n\
    Subject: Hello\r\nX-Order: 17\r\nList-Unsubscribe-Post: List-Unsubscribe=One-Click\r\n\r\nHello\r\n";

fn signer(domain: &str, selector: &str, kind: KeyKind) -> DkimSigner {
    let pem = generate(kind).expect("a key");
    DkimSigner::new(domain, selector, pem.as_bytes()).expect("its own key is read")
}

/// The tags of the fields that were made.
fn tags(fields: &str) -> Vec<HashMap<String, String>> {
    let fields = fields.replace("\r\n\t", "").replace("\r\n ", " ");
    let tags = |field: &str| {
        let value = field.strip_prefix("DKIM-Signature: ").expect("the field's name");
        value
            .split(';')
            .filter_map(|tag| tag.split_once('='))
            .map(|(name, value)| (name.trim().to_owned(), value.trim().to_owned()))
            .collect()
    };
    fields.split_terminator("\r\n").map(tags).collect()
}

#[test]
fn each_key_signs_and_what_people_see_cannot_be_added() {
    let signers =
        [signer("shop.example", "r1", KeyKind::Rsa), signer("shop.example", "e1", KeyKind::Ed25519)]
            .map(Arc::new);
    let made = sign(&signers, HEAD, CONTENT, AT).expect("it signs");
    assert!(made.split("\r\n").all(|line| line.len() <= 100), "{made}");
    let [rsa, ed25519] = &tags(&made)[..] else { panic!("two signatures: {made}") };
    for (tags, algorithm, selector) in [(rsa, "rsa-sha256", "r1"), (ed25519, "ed25519-sha256", "e1")] {
        let tag = |name: &str| tags.get(name).map(String::as_str);
        assert_eq!((tag("a"), tag("s"), tag("d")), (Some(algorithm), Some(selector), Some("shop.example")));
        assert_eq!((tag("c"), tag("t"), tag("l")), (Some("relaxed/relaxed"), Some("1796115600"), None));
        let names: Vec<_> = tag("h").expect("h=").split(':').map(str::to_ascii_lowercase).collect();
        let count = |name: &str| names.iter().filter(|it| *it == name).count();
        for (name, expected) in [
            ("from", 2),
            ("to", 2),
            ("cc", 1),
            ("reply-to", 1),
            ("subject", 2),
            ("date", 2),
            ("message-id", 2),
            ("list-unsubscribe-post", 1),
            ("x-order", 0),
        ] {
            assert_eq!(count(name), expected, "{name} in {names:?}");
        }
    }
    assert_eq!(rsa["bh"], ed25519["bh"]);
}

#[test]
fn the_same_input_gives_the_same_signature() {
    let signers =
        [signer("shop.example", "r1", KeyKind::Rsa), signer("shop.example", "e1", KeyKind::Ed25519)];
    let signers = signers.map(Arc::new);
    assert_eq!(sign(&signers, HEAD, CONTENT, AT), sign(&signers, HEAD, CONTENT, AT));
}

#[test]
fn the_longest_configured_domain_signs() {
    let signers: DkimSigners = [
        signer("example", "a", KeyKind::Ed25519),
        signer("Shop.Example", "b", KeyKind::Ed25519),
        signer("shop.example", "c", KeyKind::Ed25519),
    ]
    .into_iter()
    .collect();
    for (domain, expected) in [
        ("shop.example", "bc"),
        ("news.shop.example", "bc"),
        ("a.b.shop.example", "bc"),
        ("bookshop.example", "a"),
        ("example", "a"),
        ("shop.example.net", ""),
        ("net", ""),
    ] {
        let found: String = signers.of(domain).iter().map(|signer| signer.selector()).collect();
        assert_eq!(found, expected, "{domain}");
    }
}

#[test]
fn a_place_is_a_name_in_dns() {
    assert_eq!(DkimSigner::check_place("MÜNCHEN.example", "s-1.b"), Ok("xn--mnchen-3ya.example".into()));
    for (domain, selector, error) in [
        ("", "s", DkimError::Domain),
        ("a b.example", "s", DkimError::Domain),
        ("shop.example.", "s", DkimError::Domain),
        ("a@shop.example", "s", DkimError::Domain),
        ("shop.example", "", DkimError::Selector),
        ("shop.example", "a b", DkimError::Selector),
        ("shop.example", "a..b", DkimError::Selector),
        ("shop.example", "s;d=x", DkimError::Selector),
        ("shop.example", "ü", DkimError::Selector),
        ("shop.example", &"s".repeat(64), DkimError::Selector),
    ] {
        assert_eq!(DkimSigner::check_place(domain, selector), Err(error), "{domain} {selector}");
    }
}

#[test]
fn keys_of_other_tools_are_read_and_unusable_ones_refused_with_the_reason() {
    let read = |pem: &str| DkimSigner::new("shop.example", "s", pem.as_bytes()).map(|signer| signer.kind());
    assert_eq!(read(include_str!("keys/rsa_pkcs1.pem")), Ok(KeyKind::Rsa));
    for (pem, error) in [
        ("", KeyError::NotPem),
        ("-----BEGIN PRIVATE KEY-----\nAAAA", KeyError::NotPem),
        ("-----BEGIN PRIVATE KEY-----\nAAAA\n-----END PRIVATE KEY-----\n", KeyError::Unsupported),
        (include_str!("keys/rsa_1024.pem"), KeyError::TooShort),
        (include_str!("keys/ec.pem"), KeyError::Unsupported),
        (include_str!("keys/encrypted.pem"), KeyError::NotPem),
    ] {
        assert_eq!(read(pem), Err(DkimError::Key(error)));
    }
}

/// The key of RFC 8463 A, in the PKCS#8 without public half that most tools write.
#[test]
fn the_record_has_the_public_half() {
    let seed = STANDARD.decode("nWGxne/9WmC6hEr0kuwsxERJxWl7MmkZcDusAxyuf2A=").expect("base64");
    let der = [&b"\x30\x2e\x02\x01\x00\x30\x05\x06\x03\x2b\x65\x70\x04\x22\x04\x20"[..], &seed].concat();
    let pem = format!("-----BEGIN PRIVATE KEY-----\n{}\n-----END PRIVATE KEY-----\n", STANDARD.encode(der));
    let signer = DkimSigner::new("football.example", "brisbane", pem.as_bytes()).expect("a key");
    let record = signer.record();
    assert_eq!(
        record.zone_line(),
        "brisbane._domainkey.football.example. IN TXT ( \"v=DKIM1; k=ed25519; p=11qYAYKxCrfVS/7TyWQHOg7hcvPapiMlrwIaaPcHURo=\" )"
    );
}

#[test]
fn a_long_record_is_cut_into_strings_and_recognised_in_any_form() {
    let record = signer("shop.example", "r1", KeyKind::Rsa).record();
    let strings: Vec<_> = record.strings().collect();
    assert_eq!(strings.concat(), record.value);
    assert_eq!(strings.iter().map(|string| string.len() <= 255).collect::<Vec<_>>(), [true, true]);
    let p = record.value.split_once("p=").expect("p=").1;
    let (first, last) = p.split_at(100);
    for (found, is_it) in [
        (record.value.clone(), true),
        (format!("p={p}"), true),
        (format!("k=rsa;t=s;p={first} {last} ; v=DKIM1"), true),
        (format!("v=DKIM1; k=ed25519; p={p}"), false),
        (format!("v=DKIM2; p={p}"), false),
        (format!("v=DKIM1; p={last}{first}"), false),
        ("v=DKIM1; p=".into(), false),
        ("v=spf1 -all".into(), false),
        (String::new(), false),
    ] {
        assert_eq!(record.is_published_as(&found), is_it, "{found}");
    }
}

#[test]
fn a_key_is_in_no_debug_output() {
    let signer = signer("shop.example", "r1", KeyKind::Rsa);
    assert_eq!(format!("{signer:?}"), "DkimSigner(r1._domainkey.shop.example, rsa)");
}

/// RFC 6376 3.4.4, word by word and by another hand.
fn relaxed(body: &str) -> String {
    let line = |line: &str| {
        let words: Vec<_> = line.split([' ', '\t']).collect();
        let mut reduced = String::new();
        for (index, word) in words.iter().enumerate() {
            if index > 0 && !reduced.ends_with(' ') {
                reduced.push(' ');
            }
            reduced.push_str(word);
        }
        reduced.trim_end_matches(' ').to_owned()
    };
    let mut lines: Vec<_> = body.split("\r\n").map(line).collect();
    while lines.last().is_some_and(String::is_empty) {
        lines.pop();
    }
    lines.into_iter().map(|line| line + "\r\n").collect()
}

fn assert_canonical(body: &str) {
    let mut hasher = Sha256::hasher();
    hasher.write(relaxed(body).as_bytes());
    let expected = hasher.complete();
    assert_eq!(signature::body_hash(body.as_bytes()), expected.as_ref(), "{body:?}");
}

#[test]
fn bodies_that_end_in_white_space_are_hashed_as_the_rfc_says() {
    for body in [
        "",
        "\r\n",
        " \r\n",
        "\t \r\n\r\n",
        "a",
        "a\r\n \r\n",
        "a \r\n\t\r\n \r\n",
        "a\r\n \r\nb\r\n",
        " a\r\n",
    ] {
        assert_canonical(body);
    }
}

proptest::proptest! {
    #[test]
    fn any_body_is_hashed_as_the_rfc_says(lines in proptest::collection::vec("[ \ta.é]{0,6}", 0..8), is_ended: bool) {
        let body = lines.join("\r\n");
        assert_canonical(&if is_ended { body + "\r\n" } else { body });
    }
}
