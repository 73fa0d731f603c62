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
        ("[server]\nlisten = \"0.0.0.0:8250\"".to_owned(), "server.tls a cert and a key"),
        ("[server]\nlisten = \"[::]:8250\"".to_owned(), "server.behind_proxy = true"),
        ("[server]\ntls = { cert = \"c.pem\" }".to_owned(), "missing field `key`"),
        ("[server]\ntrusted_proxies = [\"10.0.0.0/8\"]".to_owned(), "goes with server.behind_proxy"),
        ("[server]\nbehind_proxy = true\ntrusted_proxies = [\"10.0.0.0/33\"]".to_owned(), "line 3"),
        ("[server]\nmax_connections = 0".to_owned(), "max_connections is 1 to 65536"),
        ("[server.limits]\nbodie = \"1MiB\"".to_owned(), "unknown field `bodie`"),
        ("[server.limits]\nbody = \"much\"".to_owned(), "line 2"),
        ("[server.limits]\nbody = \"2GiB\"".to_owned(), "server.limits.body is 1.0 KiB to 1.0 GiB"),
        ("[server.limits]\nrecipients = 1001".to_owned(), "server.limits.recipients is 1 to 1000"),
        ("[server.limits]\nbatch = 0".to_owned(), "server.limits.batch is 1 to 1000"),
        ("[server.limits]\nheader = \"1KiB\"".to_owned(), "server.limits.header is 4.0 KiB to 256.0 KiB"),
        ("[server.limits]\nheader_timeout = \"6m\"".to_owned(), "server.limits.header_timeout is 1s to 5m"),
        (
            "[server.limits]\nbodies_in_flight = \"1MiB\"".to_owned(),
            "server.limits.bodies_in_flight is 40.0 MiB to 64.0 GiB",
        ),
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
