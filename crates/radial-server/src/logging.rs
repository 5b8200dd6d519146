//! Logs: one structured line per connect, disconnect, refusal and lifecycle step, to standard
//! error, as text or JSON. Never a payload, never a credential.

use tracing::level_filters::LevelFilter;
use tracing_subscriber::fmt;
use tracing_subscriber::layer::SubscriberExt as _;
use tracing_subscriber::util::SubscriberInitExt as _;

pub use crate::config::LogFormat;

/// Starts logging for the whole process. A second call does nothing.
pub fn start(format: LogFormat, level: LevelFilter) {
    let registry = tracing_subscriber::registry().with(level);
    // A second call finds the first one's subscriber, which stays.
    let _ = match format {
        LogFormat::Text => registry
            .with(fmt::layer().with_ansi(false).with_target(false).with_writer(std::io::stderr))
            .try_init(),
        LogFormat::Json => registry
            .with(
                fmt::layer()
                    .json()
                    .flatten_event(true)
                    .with_target(false)
                    .with_writer(std::io::stderr),
            )
            .try_init(),
    };
}
