use super::*;

#[test]
fn records_are_parsed_and_judged() {
    let table = [
        ("v=spf1 include:_spf.example.net -all", Some(None)),
        ("v=spf1 a mx ~all", Some(None)),
        ("v=spf1 a/24 mx:b.example/24//64 ip6:2001:db8::/32 exp=e.b.example -all", Some(None)),
        ("v=spf1 redirect=_spf.example.net", Some(None)),
        ("v=spf1 +all", Some(Some(Weakness::AnyHost))),
        ("v=spf1 all", Some(Some(Weakness::AnyHost))),
        ("v=spf1 ip4:192.0.2.1 ?all", Some(Some(Weakness::NoLimit))),
        ("v=spf1 mx", Some(Some(Weakness::NoLimit))),
        ("v=spf1 ipv4:192.0.2.1 -all", None),
        ("v=spf1 ip4:192.0.2.300 -all", None),
    ];
    for (text, expected) in table {
        assert_eq!(spf(text), expected, "{text}");
    }
    let table = [
        ("v=DMARC1; p=reject; rua=mailto:d@shop.example", Some(None)),
        ("v=DMARC1; p=quarantine", Some(None)),
        ("v=DMARC1; p=none", Some(Some(Weakness::NoPolicy))),
    ];
    for (text, expected) in table {
        assert_eq!(dmarc(text), expected, "{text}");
    }
    let ed25519 = "v=DKIM1; k=ed25519; p=11qYAYKxCrfVS/7TyWQHOg7hcvPapiMlrwIaaPcHURo=";
    assert_eq!([key(ed25519), key("v=DKIM1; p="), key("v=DKIM1; p=!")], [Some(None), None, None]);
}

#[test]
fn one_record_counts_and_others_beside_it_do_not() {
    let found = |texts: &[&str]| {
        one(Ok(texts.iter().map(ToString::to_string).collect()), |text| begins(text, "v=spf1"), spf)
    };
    let sound = DnsRecord::Sound { text: "v=spf1 -all".into(), weakness: None };
    assert_eq!(found(&["site-verification=17", "v=spf1 -all"]), sound);
    assert_eq!(found(&["v=spf10 -all"]), DnsRecord::Missing);
    assert_eq!(found(&["v=spf1 -all", "v=spf1 mx -all"]), DnsRecord::Several(2));
    assert_eq!(found(&["v=spf1 -al"]), DnsRecord::Broken { text: "v=spf1 -al".into() });
    assert_eq!(one(Err("timed out".into()), |_| true, spf), DnsRecord::Unanswered("timed out".into()));
}
