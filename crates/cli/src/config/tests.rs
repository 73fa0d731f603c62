use super::*;

fn parse(text: &str, variables: &[(&str, &str)]) -> Result<Config, String> {
    Config::parse(text, variables.iter().map(|(name, value)| ((*name).to_owned(), (*value).to_owned())))
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
    let table = [
        ("[server]\nlisten_on = \"127.0.0.1:1\"".to_owned(), "did you mean `listen`"),
        ("[server]\nlisten = \"localhost:1\"".to_owned(), "an address and a port"),
        ("[sever]".to_owned(), "did you mean `server`"),
        ("[server]\nlisten = \"0.0.0.0:8250\"".to_owned(), "behind_proxy"),
        (format!("{relay}tls = \"none\""), "`none`"),
        ("[[relay]]\nname = \"a\"\nhost = \"smtp.example.net\"\ntls = \"off\"".to_owned(), "allow_plaintext"),
        (format!("{relay}{relay}"), "twice"),
        (format!("{relay}max_connections = 0"), "1 to 1000"),
        (format!("{relay}username = \"x\""), "password"),
        ("[[relay]]\nname = \"A b\"\nhost = \"x\"".to_owned(), "a name is"),
        (format!("{relay}[[route]]\nname = \"default\"\nrelays = [\"b\"]"), "relay b, which does not exist"),
        (format!("{relay}[[route]]\nname = \"vip\"\nrelays = [\"a\"]"), "no route named default"),
        (format!("{relay}password_file = \"/x\"\nusername = \"u\"\nhello_name = \"a\\r\\nb\""), "hello_name"),
        (format!("{relay}port = 0"), "port is"),
        ("[[relay]]\nname = \"a\"\nhost = \"smtp://x\"".to_owned(), "without a port"),
        ("[[relay]]\nname = \"a\"\nhost = \"\"".to_owned(), "without a port"),
        ("[retry]\n\nschdule = []".to_owned(), "line 3, column 1: unknown field"),
        ("[retry]\nschedule = [\"soon\"]".to_owned(), "no duration"),
        ("[retry]\nschedule = [\"1ms\"]".to_owned(), "at least 1s"),
    ];
    for (text, expected) in table {
        let error = parse(&text, &[]).expect_err(&text);
        assert!(error.contains(expected), "{text}\n{error}");
    }
    let error = parse("", &[("POSTLEDGER_SERVER__LISTN", "127.0.0.1:1")]).expect_err("unknown key");
    assert!(error.contains("listn") && error.contains("did you mean `listen`"), "{error}");
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
