//! `radial dev`: a hub for one developer.

use clap::Args;
use radial_server::Mode;

use super::hub::{self, ServerArgs};
use crate::failure::Failure;

/// Where client commands look if they are not told.
const DEFAULT_URL: &str = "http://127.0.0.1:7070";

/// Run a hub for development: this machine only, no credentials, built-in event types, a demo page
#[derive(Debug, Args)]
#[command(
    after_help = "Examples:\n  radial dev\n  radial dev --listen 127.0.0.1:0 --data /tmp/radial"
)]
pub(crate) struct DevArgs {
    #[command(flatten)]
    server: ServerArgs,
}

pub(crate) async fn run(args: DevArgs) -> Result<(), Failure> {
    let loaded = args.server.load(None)?;
    hub::run(loaded.config, Mode::Dev, welcome).await
}

/// Where to look and what to try.
fn welcome(url: &str) -> String {
    let tail = match url {
        DEFAULT_URL => "radial tail".to_owned(),
        _ => format!("radial tail --url {url}"),
    };
    format!(
        r#"
A board to play with, best in two windows:  {url}/

Publish:  curl -H 'Content-Type: application/json' -d '{{"eventType":"test:event","eventData":{{"n":1}}}}' {url}/api/sse/events
Listen:   curl -N '{url}/api/sse/events?channels=*'
Follow:   {tail}

No credentials, this machine only. Ctrl-C stops the hub; its data stays.
"#
    )
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_commands_to_try_name_the_address() {
        let shown = welcome("http://127.0.0.1:4000");
        assert_eq!(shown.matches("http://127.0.0.1:4000").count(), 4, "{shown}");
        assert!(shown.contains(r#"'{"eventType":"test:event","eventData":{"n":1}}'"#), "{shown}");
        let shown = welcome(DEFAULT_URL);
        assert!(shown.contains("radial tail\n"), "{shown}");
    }
}
