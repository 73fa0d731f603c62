use super::*;

fn matching(domains: &[&str], tenants: &[&str], tags: &[&str], priorities: &[Priority]) -> Match {
    Match {
        domains: domains.iter().map(|domain| domain.parse().unwrap()).collect(),
        tenants: tenants.iter().map(|tenant| tenant.parse().unwrap()).collect(),
        tags: tags.iter().map(|tag| (*tag).to_owned()).collect(),
        priorities: priorities.to_vec(),
    }
}

fn rule(route: &str, takes: Match) -> Rule {
    Rule { route: route.parse().unwrap(), takes }
}

fn chosen(rules: &[Rule], named: Option<&str>, domain: &str, tags: &[&str]) -> String {
    let named = named.map(|name| name.parse().unwrap());
    let tags: Vec<_> = tags.iter().map(|tag| (*tag).to_owned()).collect();
    let tenant = Tenant::default_tenant();
    let traits = Traits { domain, tenant: &tenant, tags: &tags, priority: Priority::High };
    match choose(named.as_ref(), rules, &traits) {
        Choice::Named(route) => format!("named {route}"),
        Choice::Matched(route) => format!("matched {route}"),
        Choice::Default => "default".to_owned(),
    }
}

#[test]
fn a_name_goes_before_the_first_that_takes_it_and_that_before_the_default() {
    let rules = [
        rule("plain", Match::default()),
        rule("china", matching(&["qq.example", "*.qq.example"], &[], &[], &[])),
        rule("orders", matching(&[], &[], &["order", "invoice"], &[Priority::High])),
        rule("low", matching(&[], &[], &[], &[Priority::Low])),
        rule("others", matching(&[], &["other"], &[], &[])),
        rule("all", matching(&[], &["default"], &["all"], &[])),
    ];
    let table = [
        (None, "example.net", &[][..], "default"),
        (Some("plain"), "qq.example", &[], "named plain"),
        (Some("default"), "qq.example", &["order"], "named default"),
        (None, "qq.example", &["order"], "matched china"),
        (None, "mail.qq.example", &[], "matched china"),
        (None, "example.net", &["x", "invoice"], "matched orders"),
        (None, "example.net", &["all"], "matched all"),
        (None, "", &["all"], "matched all"),
    ];
    for (named, domain, tags, expected) in table {
        assert_eq!(chosen(&rules, named, domain, tags), expected, "{named:?} {domain} {tags:?}");
    }
}

#[test]
fn a_match_that_is_wider_in_every_way_leaves_the_other_nothing() {
    use Priority::{Critical, High};
    let wide = matching(&["*.example"], &[], &["a", "b"], &[]);
    let table = [
        (wide.clone(), true),
        (matching(&["x.example"], &["t"], &["a"], &[High]), true),
        (matching(&["x.example"], &[], &[], &[]), false),
        (matching(&["x.example", "x.test"], &[], &["a"], &[]), false),
        (matching(&["x.example"], &[], &["a", "c"], &[Critical]), false),
        (matching(&[], &[], &["a"], &[]), false),
    ];
    for (narrow, expected) in table {
        assert_eq!(wide.covers(&narrow), expected, "{narrow:?}");
    }
    assert!(!Match::default().covers(&wide), "what takes nothing covers nothing");
}
