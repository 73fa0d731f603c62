//! `postledger config check`

use crate::args::Place;
use crate::client::configuration;
use crate::exit::Exit;
use crate::output;
use anyhow::Result;
use serde_json::json;

/// Reads the configuration with everything that it refers to.
///
/// # Errors
/// What is wrong with it.
pub fn run(place: &Place) -> Result<Exit> {
    let config = configuration(place)?;
    for relay in &config.relay {
        relay.to_dispatcher()?;
    }
    config.server.to_entrance()?;
    let summary = json!({
        "ok": true,
        "listen": config.server.listen,
        "data_dir": config.store.path,
        "relays": config.relay.iter().map(|relay| relay.name.as_str()).collect::<Vec<_>>(),
        "routes": config.routes().iter().map(|route| route.name.as_str().to_owned()).collect::<Vec<_>>(),
    });
    output::write(place.output, &summary, |_| {
        let names = |list: &serde_json::Value| {
            let names: Vec<_> =
                list.as_array().into_iter().flatten().filter_map(serde_json::Value::as_str).collect();
            if names.is_empty() { "none yet".to_owned() } else { names.join(", ") }
        };
        format!(
            "ok\nlisten    {}\ndata      {}\nrelays    {}\nroutes    {}",
            config.server.listen,
            config.store.path.display(),
            names(&summary["relays"]),
            names(&summary["routes"])
        )
    })?;
    Ok(Exit::Ok)
}
