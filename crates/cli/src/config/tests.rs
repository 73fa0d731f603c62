use super::*;
use std::time::Duration;

fn parse(text: &str, variables: &[(&str, &str)]) -> Result<Config, String> {
    let variables = variables.iter().map(|(name, value)| ((*name).to_owned(), (*value).to_owned()));
    Loaded::parse(None, text, variables).map(|loaded| loaded.config).map_err(|problems| problems.to_string())
}

const FULL: &str = r#"
[server]
listen = "127.0.0.1:0"
shutdown_grace = "10s"
[store]
path = "/var/lib/postledger"
[[relay]]
name = "primary"
host = "smtp.example.net"
username = "me"
password_file = "/etc/postledger/primary.password"
timeouts = { connect = "2s" }
[[relay]]
name = "backup"
host = "127.0.0.1"
port = 2525
tls = "off"
[[route]]
name = "default"
relays = ["primary", "backup"]
[retry]
schedule = ["10s", "1m"]
max_attempts = 5
"#;

#[test]
fn a_full_configuration_is_read() {
    let config = parse(FULL, &[]).expect("valid");
    assert_eq!(config.relay[0].timeouts.connect, Duration::from_secs(2));
    assert_eq!(config.relay[0].timeouts.dot, Duration::from_secs(600), "the others keep their defaults");
    assert_eq!(config.routes()[0].relays.len(), 2);
    assert_eq!(config.default_policy().retry.max_attempts, Some(5));
    assert_eq!(config.default_policy().retry.schedule[..], [10, 60].map(Duration::from_secs));
}

#[test]
fn the_environment_comes_last() {
    let config = parse(
        FULL,
        &[
            ("POSTLEDGER_SERVER__LISTEN", "127.0.0.1:9999"),
            ("POSTLEDGER_RELAY__PRIMARY__HOST", "10"),
            ("POSTLEDGER_RELAY__PRIMARY__MAX_CONNECTIONS", "3"),
            ("POSTLEDGER_RELAY__THIRD__HOST", "third.example.net"),
            ("POSTLEDGER_ROUTE__DEFAULT__RELAYS", "[\"third\"]"),
            ("POSTLEDGER_RELAY__PRIMARY__TIMEOUTS__DOT", "300s"),
        ],
    )
    .expect("valid");
    assert_eq!(config.server.listen.port(), 9999);
    assert_eq!((config.relay[0].host.as_str(), config.relay[0].max_connections), ("10", 3));
    assert_eq!(config.relay[0].timeouts.dot, Duration::from_secs(300));
    assert_eq!(config.relay[2].name.as_str(), "third");
    assert_eq!(config.route[0].relays[0].as_str(), "third");
}

#[test]
fn what_is_wrong_is_named() {
    let relay = "[[relay]]\nname = \"a\"\nhost = \"127.0.0.1\"\n";
    let route = |matching: &str| {
        let default = "[[route]]\nname = \"default\"\nrelays = [\"a\"]";
        format!(
            "[[relay]]\nname = \"a\"\nhost = \"::1\"\n{default}\n[[route]]\nname = \"vip\"\nrelays = [\"a\"]\n{matching}"
        )
    };
    let table = [
        (
            "[server]\nlisten_on = \"127.0.0.1:1\"".to_owned(),
            "line 2, column 1: unknown key `listen_on` in server; did you mean `listen`?",
        ),
        ("[server]\nlisten = \"localhost:1\"".to_owned(), "server.listen: expected an address and a port"),
        (
            "[sever]".to_owned(),
            "line 1, column 2: unknown key `sever` in the configuration; did you mean `server`?",
        ),
        (
            "[priority.shares]\ncritical = 60\nhigh = 41\nnormal = 0".to_owned(),
            "priority.shares: together they are 101, and at most 100",
        ),
        (
            "[[destination]]\nname = \"a\"\ndomains = [\"a@b\"]".to_owned(),
            "destination.a.domains: a@b is no domain such as example.net",
        ),
        ("zzz = 1".to_owned(), "unknown key `zzz` in the configuration; there are bounce, destination, dkim"),
        ("[server]\nlisten = \"0.0.0.0:8250\"".to_owned(), "line 2, column 1: server.listen: off loopback"),
        ("[server]\nlisten = \"[::]:8250\"".to_owned(), "server.behind_proxy = true"),
        ("server = 1".to_owned(), "expected a table: [server]"),
        ("[server]\ntls = { cert = \"c.pem\" }".to_owned(), "server.tls has no key, which it must have"),
        ("[server]\ntrusted_proxies = [\"10.0.0.0/8\"]".to_owned(), "goes with server.behind_proxy"),
        ("[server]\nbehind_proxy = true\ntrusted_proxies = [\"10.0.0.0/33\"]".to_owned(), "line 3, column 1"),
        ("[server]\nmax_connections = 0".to_owned(), "a number of connections, 1 to 65536"),
        ("[server]\nmax_connections = \"many\"".to_owned(), "a number of connections, 1 to 65536"),
        (
            "[server.limits]\nbodie = \"1MiB\"".to_owned(),
            "unknown key `bodie` in server.limits; did you mean `body`?",
        ),
        (
            "[server.limits]\nbody = \"much\"".to_owned(),
            "line 2, column 1: server.limits.body: expected a size",
        ),
        ("[server.limits]\nbody = \"2GiB\"".to_owned(), "1KiB to 1GiB"),
        ("[server.limits]\nrecipients = 1001".to_owned(), "a number of addresses, 1 to 1000"),
        ("[server.limits]\nbatch = 0".to_owned(), "a number of messages, 1 to 1000"),
        ("[server.limits]\nheader = \"1KiB\"".to_owned(), "4KiB to 256KiB"),
        ("[server.limits]\nheader_timeout = \"6m\"".to_owned(), "1s to 5m"),
        ("[server.limits]\nbodies_in_flight = \"1MiB\"".to_owned(), "less than server.limits.body"),
        (format!("{relay}tls = \"none\""), "expected one of starttls, implicit, off"),
        (
            "[[relay]]\nname = \"a\"\nhost = \"smtp.example.net\"\ntls = \"off\"".to_owned(),
            "line 4, column 1: relay.a.tls: \"off\" would send mail",
        ),
        (format!("{relay}{relay}"), "line 4, column 1: relay a stands there twice"),
        (format!("{relay}max_connections = 0"), "1 to 1000"),
        (
            format!("{relay}max_per_second = 0"),
            "relay.a.max_per_second: expected a number of attempts per second",
        ),
        (format!("{relay}username = \"x\""), "relay.a.username: goes with password_file"),
        (format!("{relay}password = \"x\""), "relay.a.password: goes with username"),
        (
            format!("{relay}username = \"x\"\npassword = \"x\"\npassword_file = \"x\""),
            "excludes password_file",
        ),
        (format!("{relay}source_address = \"here\""), "relay.a.source_address: expected an IP address"),
        (format!("{relay}proxy = \"proxy:1080\""), "relay.a.proxy: expected socks5://HOST:PORT"),
        (
            format!("{relay}proxy = \"socks5://u:hunter2@proxy:1080\""),
            "line 4, column 1: relay.a.proxy: a login does not stand in it: use proxy_username",
        ),
        (format!("{relay}proxy_password = \"x\""), "relay.a.proxy_password: goes with proxy_username"),
        (
            format!("{relay}proxy_username = \"x\"\nproxy_password = \"x\""),
            "relay.a.proxy_username: goes with proxy",
        ),
        (
            format!("{relay}tls = \"off\"\nproxy = \"http://proxy.example:3128\""),
            "relay.a.tls: \"off\" would send mail",
        ),
        (format!("{relay}timeouts = {{ dot = \"0s\" }}"), "relay.a.timeouts.dot: expected a duration"),
        ("[[relay]]\nname = \"A b\"\nhost = \"x\"".to_owned(), "expected a name of 1 to 64"),
        ("[[relay]]\nhost = \"x\"".to_owned(), "line 1, column 1: this [[relay]] has no name"),
        ("[[relay]]\nname = \"a\"".to_owned(), "relay.a has no host"),
        ("[relay]\nname = \"a\"".to_owned(), "expected tables in a list: [[relay]]"),
        (
            format!("{relay}[[route]]\nname = \"default\"\nrelays = [\"b\"]"),
            "route.default.relays: there is no relay named b",
        ),
        (format!("{relay}[[route]]\nname = \"default\"\nrelays = []"), "at least one relay"),
        (format!("{relay}[[route]]\nname = \"vip\"\nrelays = [\"a\"]"), "none is named default"),
        (route("match = {}"), "line 10, column 1: route.vip.match: it asks for nothing"),
        (
            route("match = { domain = [\"example.net\", \"*\"] }"),
            "line 10, column 11: route.vip.match.domain: * is no domain such as example.net",
        ),
        (route("match = { domain = [] }"), "route.vip.match.domain: expected a text, or a list"),
        (route("match = { tenant = \"A b\" }"), "route.vip.match.tenant: expected a name"),
        (
            route("match = { priority = \"urgent\" }"),
            "route.vip.match.priority: expected one of critical, high, normal, low, or a list",
        ),
        (route("match = { recipient = \"a@b\" }"), "unknown key `recipient` in route.vip.match"),
        (
            route(
                "match = { tag = [\"a\", \"b\"] }\n[[route]]\nname = \"late\"\nrelays = [\"a\"]\nmatch.tag = \"b\"",
            ),
            "line 14, column 1: route.late.match: nothing comes so far: all that it takes, route vip takes before",
        ),
        (format!("{relay}password_file = \"/x\"\nusername = \"u\"\nhello_name = \"a\\r\\nb\""), "hello_name"),
        (format!("{relay}port = 0"), "relay.a.port: expected a whole number, 1 to 65535"),
        ("[[relay]]\nname = \"a\"\nhost = \"smtp://x\"".to_owned(), "without a port"),
        ("[[relay]]\nname = \"a\"\nhost = \"\"".to_owned(), "without a port"),
        ("[retry]\n\nschdule = []".to_owned(), "line 3, column 1: unknown key `schdule`"),
        ("[retry]\nschedule = [\"soon\"]".to_owned(), "retry.schedule: expected a list, each a duration"),
        ("[retry]\nschedule = [\"1ms\"]".to_owned(), "1s to 30d"),
        ("[retry]\nschedule = []".to_owned(), "at least one interval"),
        ("[bounce]\naddress = \"nobody\"".to_owned(), "expected an address of mail"),
        ("[server".to_owned(), "line 1, column 8"),
    ];
    for (text, expected) in table {
        let error = parse(&text, &[]).expect_err(&text);
        assert!(error.contains(expected), "{text}\n{error}");
    }
    let variables = [
        (
            "POSTLEDGER_SERVER__LISTN",
            "1",
            "no key of the configuration; did you mean POSTLEDGER_SERVER__LISTEN?",
        ),
        ("POSTLEDGER_RELAY__A__PROT", "1", "did you mean POSTLEDGER_RELAY__A__PORT?"),
        ("POSTLEDGER_RELAY__A__PORT", "many", "expected a whole number, 1 to 65535"),
        ("POSTLEDGER_RELAY__B__PORT", "25", "relay.b has no host"),
        ("POSTLEDGER_RELAY__A__NAME", "b", "the variable's own name"),
        ("POSTLEDGER_SERVER__BEHIND_PROXY", "yes", "expected true or false"),
        ("POSTLEDGER_SERVER____LISTEN", "x", "no key of the configuration"),
        ("POSTLEDGER_SERVER__TRUSTED_PROXIES", "10.0.0.0/8,x", "expected a list, each a network"),
    ];
    for (name, value, expected) in variables {
        let error = parse(relay, &[(name, value)]).expect_err(name);
        assert!(error.starts_with(name) && error.contains(expected), "{name}: {error}");
    }
}

#[test]
fn all_mistakes_are_told_at_once_in_the_order_in_which_they_stand() {
    let text = "[server]\nlisten = 1\n[[relay]]\nname = \"a\"\nhots = \"x\"\n[retry]\nmax_attempts = 0\n";
    let variables = [("POSTLEDGER_LOG__LEVEL".to_owned(), "loud".to_owned())];
    let problems = Loaded::parse(Some("it.toml".to_owned()), text, variables).expect_err("all wrong");
    let expected = r#"it.toml: 5 mistakes
  line 2, column 1: server.listen: expected an address and a port such as 127.0.0.1:8250
  line 3, column 1: relay.a has no host, which it must have
  line 5, column 1: unknown key `hots` in relay.a; did you mean `host`?
  line 7, column 1: retry.max_attempts: expected a number of attempts, 1 to 100
  POSTLEDGER_LOG__LEVEL: expected one of error, warn, info, debug, trace"#;
    assert_eq!(problems.to_string(), expected);
}

#[test]
fn every_key_can_stand_in_the_environment_and_its_origin_is_known() {
    let keys = Keys::new();
    assert!(keys.keys.len() > 40, "{}", keys.keys.len());
    for key in &keys.keys {
        assert!(!key.about.is_empty(), "{} has no text", key.path);
        let path = key.path.replace('*', "default");
        let value = match &key.form {
            key::Form::Text if path.ends_with(".proxy") => "socks5://127.0.0.1:1080".to_owned(),
            key::Form::Text => "smtp.example.net".to_owned(),
            key::Form::Ip => "127.0.0.1".to_owned(),
            key::Form::Path => "/some/where".to_owned(),
            key::Form::Name => "default".to_owned(),
            key::Form::Truth => "true".to_owned(),
            key::Form::Integer { least, most, .. } => most.unwrap_or(*least).to_string(),
            key::Form::Number { least, .. } => least.to_string(),
            key::Form::Duration { most, .. } => form::written_duration(most.expect("each has a bound")),
            key::Form::Size { most, .. } => form::written_size(&most.expect("each has a bound")),
            key::Form::SocketAddress => "127.0.0.1:7".to_owned(),
            key::Form::Network => "10.0.0.0/8".to_owned(),
            key::Form::Address => "bounces@shop.example".to_owned(),
            key::Form::Choice(words) => words.last().expect("there are some").clone(),
            key::Form::Few(each) => match &**each {
                key::Form::Choice(words) => words.last().expect("there are some").clone(),
                _ => "[\"default\", \"other\"]".to_owned(),
            },
            key::Form::List(each) => match &**each {
                key::Form::Duration { .. } => "90s, 2h".to_owned(),
                key::Form::Network => "10.0.0.0/8,192.168.0.1/32".to_owned(),
                _ => "[\"default\"]".to_owned(),
            },
        };
        let name = environment::variable(&path);
        assert_eq!(environment::key(&name), Some(path.clone()));
        // What goes together, so that one key alone can be another.
        let others = [
            ("relay.default.host", "127.0.0.1"),
            ("relay.default.username", "u"),
            (
                if path == "relay.default.password" { "store.path" } else { "relay.default.password_file" },
                "p",
            ),
            ("relay.default.proxy", "http://127.0.0.1:3128"),
            ("relay.default.proxy_username", "u"),
            (
                if path == "relay.default.proxy_password" {
                    "store.path"
                } else {
                    "relay.default.proxy_password_file"
                },
                "p",
            ),
            ("route.default.relays", "default"),
            ("server.behind_proxy", "true"),
            ("server.tls.cert", "c"),
            ("server.tls.key", "k"),
            ("server.limits.bodies_in_flight", "64GiB"),
            ("destination.default.domains", "example.net"),
            ("dkim.default.domain", "shop.example"),
            ("dkim.default.selector", "s"),
            ("dkim.default.key_file", "k"),
            ("priority.shares.critical", "0"),
            ("priority.shares.high", "0"),
            ("priority.shares.normal", "0"),
        ];
        let others = others.iter().filter(|(other, _)| *other != path);
        let variables = others.map(|(other, value)| (environment::variable(other), (*value).to_owned()));
        let variables: Vec<_> = variables.chain([(name.clone(), value.clone())]).collect();
        let loaded = Loaded::parse(None, "", variables)
            .unwrap_or_else(|problems| panic!("{name}={value}: {problems}"));
        assert_eq!(loaded.origins.get(&path), Some(&Origin::Variable(name.clone())), "{name}");
        let settled = Settled::new(&loaded.config);
        let held = settled.0.get(&path).unwrap_or_else(|| panic!("{path} is nowhere in {settled:?}"));
        let expected = match key.form.read(&value).expect("it is right") {
            _ if key.is_secret => toml::Value::from(Secret::MASK),
            // One alone is a list of one.
            toml::Value::String(one) if matches!(key.form, key::Form::Few(_)) => {
                toml::Value::Array(vec![one.into()])
            }
            value => value,
        };
        assert_eq!(toml::Value::try_from(held).expect("TOML has it"), expected, "{name}");
    }
}

#[test]
fn the_origin_of_a_value_is_its_line_its_variable_or_nothing() {
    let variables = [("POSTLEDGER_RELAY__PRIMARY__PORT".to_owned(), "2525".to_owned())];
    let loaded = Loaded::parse(None, FULL, variables).expect("valid");
    let origin = |key: &str| loaded.origin(key);
    assert_eq!(origin("server.listen"), Origin::File { line: 3, column: 1 });
    assert_eq!(origin("relay.primary.timeouts.connect"), Origin::File { line: 12, column: 14 });
    assert_eq!(origin("relay.backup.host"), Origin::File { line: 15, column: 1 });
    assert_eq!(origin("relay.primary.port"), Origin::Variable("POSTLEDGER_RELAY__PRIMARY__PORT".to_owned()));
    assert_eq!(origin("relay.backup.max_connections"), Origin::Default);
    let effective = loaded.config.effective();
    assert_eq!((effective.relay[0].port, effective.relay[1].port), (Some(2525), Some(2525)));
}

#[test]
fn the_server_s_limits_reach_the_api() {
    let text = "[server]\nlisten = \"0.0.0.0:1\"\nbehind_proxy = true\n[server.limits]\nbody = \"1MiB\"\nrecipients = 7";
    let variables = [
        ("POSTLEDGER_SERVER__LIMITS__BATCH", "9"),
        ("POSTLEDGER_SERVER__TRUSTED_PROXIES", "[\"10.0.0.0/8\"]"),
    ];
    let server = parse(text, &variables).expect("valid").server;
    let limits = server.to_limits();
    assert_eq!((limits.body_bytes, limits.recipients, limits.batch), (1 << 20, 7, 9));
    let defaults = postledger_api::Limits::default();
    assert_eq!((limits.message_bytes, limits.header_bytes), (defaults.message_bytes, defaults.header_bytes));
    assert_eq!(server.to_entrance().expect("no certificate to read").trusted_proxies.len(), 1);
}

#[test]
fn a_file_that_is_not_there_is_a_wrong_configuration() {
    for key in ["ca_file = \"/nowhere\"", "username = \"u\"\npassword_file = \"/nowhere\""] {
        let config =
            parse(&format!("[[relay]]\nname = \"a\"\nhost = \"127.0.0.1\"\n{key}"), &[]).expect("valid");
        let error = config.relay[0].to_dispatcher().expect_err(key);
        let failure = error.downcast_ref::<Failure>().expect("it knows its exit code");
        assert_eq!(failure.exit, Exit::Usage);
        assert!(failure.message.contains("_file: cannot read /nowhere"), "{}", failure.message);
    }
}

#[test]
fn passwords_do_not_show() {
    let mistyped = "[[relay]]\nname = \"a\"\nhost = \"127.0.0.1\"\npasword = \"hunter2\"";
    let error = parse(mistyped, &[]).expect_err("there is no such key");
    assert!(error.contains("did you mean `password`") && !error.contains("hunter2"), "{error}");
    let config = parse(
        FULL,
        &[("POSTLEDGER_RELAY__BACKUP__PASSWORD", "hunter2"), ("POSTLEDGER_RELAY__BACKUP__USERNAME", "u")],
    );
    assert!(!format!("{config:?}").contains("hunter2"));
    assert_eq!(config.expect("valid").relay[1].password.as_ref().map(Secret::expose), Some("hunter2"));
}

#[test]
fn what_changed_is_told_key_by_key_and_a_table_that_comes_or_goes_by_its_name() {
    let mut settled = Settled::new(&parse(FULL, &[]).expect("valid"));
    let next = FULL
        .replace("127.0.0.1:0", "127.0.0.1:9")
        .replace("\"10s\", \"1m\"", "\"90s\", \"2d\"")
        .replace("\"backup\"", "\"second\"")
        .replace("username = \"me\"", "username = \"you\"");
    let next = Settled::new(&parse(&next, &[]).expect("valid"));
    let told = |changes: Vec<Change>| -> Vec<String> {
        let tell = |it: Change| {
            let when = if it.needs_restart { "restart" } else { "applied" };
            format!("{}: {} -> {}, {when}", it.key, it.before, it.after)
        };
        changes.into_iter().map(tell).collect()
    };
    let expected = [
        "relay.backup: configured -> none, applied",
        "relay.primary.username: (not shown) -> (not shown), applied",
        "relay.second: none -> configured, applied",
        r#"retry.schedule: ["10s","1m"] -> ["90s","2d"], applied"#,
        r#"route.default.relays: ["primary","backup"] -> ["primary","second"], applied"#,
        "server.listen: 127.0.0.1:0 -> 127.0.0.1:9, restart",
    ];
    assert_eq!(told(settled.take_over(next.clone())), expected);
    assert_eq!(told(settled.take_over(next)), expected[5..], "what needs a restart is told of again");
}

#[test]
fn a_certificate_s_files_can_change_and_tls_itself_cannot() {
    let with = |tls: &str| Settled::new(&parse(&format!("[server]\n{tls}"), &[]).expect("valid"));
    let changes = |mut before: Settled, after| {
        let told = |it: Change| (it.key, it.needs_restart);
        before.take_over(after).into_iter().map(told).collect::<Vec<_>>()
    };
    let (none, one) = (with(""), with("tls = { cert = \"a\", key = \"b\" }"));
    let other = with("tls = { cert = \"c\", key = \"b\" }");
    assert_eq!(changes(one.clone(), other), [("server.tls.cert".to_owned(), false)]);
    let both = [("server.tls.cert".to_owned(), true), ("server.tls.key".to_owned(), true)];
    assert_eq!((changes(none.clone(), one.clone()), changes(one, none)), (both.to_vec(), both.to_vec()));
}

/// Each commented default can be made a line of its own, one by one, and nothing becomes different by it.
#[test]
fn a_first_configuration_says_what_holds() {
    let values = [
        ("store.path", toml::Value::from("/var/lib/postledger")),
        ("relay.primary.name", "primary".into()),
        ("relay.primary.host", "smtp.example.net".into()),
    ];
    let text = template(&values.map(|(key, value)| (key.to_owned(), value)).into());
    let written = parse(&text, &[]).expect("it is right as written");
    assert_eq!(written.store.path, Path::new("/var/lib/postledger"));
    let lines: Vec<&str> = text.lines().collect();
    let (mut tried, mut is_in_comment) = (0, false);
    for (index, line) in lines.iter().enumerate() {
        if line.trim_start_matches('#').starts_with('[') {
            is_in_comment = line.starts_with('#');
        }
        // Examples, which no default stands for, go with other keys or in tables that are not there.
        let examples = ["#username", "#password_file", "#ca_file", "#proxy_username", "#proxy_password_file"];
        let is_example = examples.iter().any(|key| line.starts_with(key));
        let Some(key) = line.strip_prefix('#').filter(|line| line.contains(" = ") && !line.starts_with(' '))
        else {
            continue;
        };
        if is_in_comment || is_example {
            continue;
        }
        let mut changed = lines.clone();
        changed[index] = key;
        let config = parse(&changed.join("\n"), &[]).unwrap_or_else(|error| panic!("{key}: {error}"));
        let name = key.split(' ').next().unwrap_or_default();
        let has_default = Keys::new().keys.iter().any(|known| known.name() == name && known.value.is_some());
        if has_default {
            assert_eq!(Settled::new(&config), Settled::new(&written), "{key}");
        }
        tried += 1;
    }
    assert!(tried > 25, "{tried}");
}
