//! A relay behind a SOCKS 5 proxy: mail, `relay test` and the doctor go the same way, and say when it is the proxy.

use postledger_tests::service::{Relay, Setup};
use postledger_tests::sink::{Script, Sink};
use serde_json::{Value, json};
use std::net::SocketAddr;
use std::sync::{Arc, Mutex};
use tokio::io::{AsyncReadExt, AsyncWriteExt, copy_bidirectional};
use tokio::net::{TcpListener, TcpStream};

/// Takes one login, goes to `to` whatever it is asked for, and remembers what that was.
async fn proxy(to: SocketAddr, asked: Arc<Mutex<Vec<String>>>) -> SocketAddr {
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let addr = listener.local_addr().unwrap();
    tokio::spawn(async move {
        while let Ok((client, _)) = listener.accept().await {
            let asked = asked.clone();
            tokio::spawn(async move { serve(client, to, &asked).await.is_ok() });
        }
    });
    addr
}

async fn text(client: &mut TcpStream) -> std::io::Result<String> {
    let mut bytes = vec![0; usize::from(client.read_u8().await?)];
    client.read_exact(&mut bytes).await?;
    Ok(String::from_utf8_lossy(&bytes).into_owned())
}

async fn serve(mut client: TcpStream, to: SocketAddr, asked: &Mutex<Vec<String>>) -> std::io::Result<()> {
    client.read_u8().await?;
    text(&mut client).await?;
    client.write_all(&[5, 2]).await?;
    client.read_u8().await?;
    let is_right = (text(&mut client).await?, text(&mut client).await?) == ("me".into(), "right".into());
    client.write_all(&[1, u8::from(!is_right)]).await?;
    if !is_right {
        return Ok(());
    }
    client.read_exact(&mut [0; 4]).await?;
    let (host, port) = (text(&mut client).await?, client.read_u16().await?);
    asked.lock().unwrap().push(format!("{host}:{port}"));
    let mut relay = TcpStream::connect(to).await?;
    client.write_all(&[5, 0, 0, 1, 0, 0, 0, 0, 0, 0]).await?;
    copy_bidirectional(&mut client, &mut relay).await.map(drop)
}

#[tokio::test]
async fn mail_and_tests_go_through_the_proxy_and_a_proxy_that_refuses_is_named() {
    let sink = Sink::start(Script::default()).await.unwrap();
    let asked = Arc::default();
    let proxy = proxy(sink.addr(), Arc::clone(&asked)).await;
    let nowhere = SocketAddr::from(([192, 0, 2, 1], 2525));
    let through = |name: &str, password: &str| {
        let login = format!("proxy_username = \"me\"\nproxy_password = \"{password}\"");
        let relay = Relay::plain(name, nowhere).line("allow_plaintext = true");
        relay.line(&format!("proxy = \"socks5://{proxy}\"\n{login}"))
    };
    let mut service = Setup::new().relay(through("refused", "wrong")).relay(through("primary", "right"));
    // Its name is for the proxy to resolve: this machine does not know it.
    service = service.variable("POSTLEDGER_RELAY__PRIMARY__HOST", "relay.behind.example");
    let service = service.start().await.unwrap();
    let message = json!({"from": "a@a.example", "to": "b@b.example", "subject": "x", "text": "x"});
    let id = service.submit(&message).await.unwrap()["id"].as_str().unwrap().to_owned();
    let delivery = service.settled(&id).await.unwrap()["deliveries"][0].clone();
    assert_eq!((&delivery["status"], &delivery["relay"]), (&json!("delivered"), &json!("primary")));
    assert_eq!(
        (sink.log().accepted(), asked.lock().unwrap().clone()),
        (1, vec!["relay.behind.example:2525".to_owned()])
    );
    let events = service.get(&format!("/v1/messages/{id}/events")).await.unwrap().json;
    let deferred =
        events["data"].as_array().unwrap().iter().find(|event| event["kind"] == "deferred").unwrap();
    assert_eq!(deferred["not_sent"], json!({"stage": "connect", "trouble": "proxy_refused", "reply": null}));

    let config = service.config_file().display().to_string();
    let text = std::fs::read_to_string(&config).unwrap().replacen("192.0.2.1", "first.behind.example", 1);
    std::fs::write(&config, text.replace("192.0.2.1", "relay.behind.example")).unwrap();
    let exit = service.run(&["relay", "test", "--config", &config]).await.unwrap();
    let tested: Value = serde_json::from_str(&exit.stdout).unwrap();
    assert_eq!((exit.code, &tested["data"][1]["ok"]), (Some(1), &json!(true)), "{exit}");
    assert_eq!(tested["data"][0]["detail"], "its proxy refused the login, or the way to it");
    let exit = service.run(&["doctor", "--config", &config]).await.unwrap();
    assert!(exit.stdout.contains("check `proxy` and its login"), "{exit}");
    assert!(!service.stderr().unwrap().contains("right"), "no password stands in the log");
}
