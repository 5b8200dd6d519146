//! `/metrics`: what the hub counted, in the text form of `OpenMetrics`. Names carry the contract's words.

use std::sync::atomic::Ordering;

use prometheus_client::collector::Collector;
use prometheus_client::encoding::text::encode;
use prometheus_client::encoding::{DescriptorEncoder, EncodeMetric as _};
use prometheus_client::metrics::MetricType;
use prometheus_client::metrics::counter::ConstCounter;
use prometheus_client::metrics::gauge::ConstGauge;
use prometheus_client::registry::Registry;
use radial_hub::{AckTallies, PresenceTally, Readiness, Tallies};
use radial_log::{Backlog, Usage};

use crate::app::App;

/// Everything that is counted, now.
pub(crate) fn text(app: &App) -> String {
    let connections = &app.connections;
    let snapshot = Snapshot {
        tallies: app.hub.stats().tallies(),
        acks: app.hub.ack_tallies(),
        sockets: connections.sockets.load(Ordering::Relaxed),
        polls: connections.polls.load(Ordering::Relaxed),
        streams: connections.streams.load(Ordering::Relaxed),
        streams_opened: connections.streams_opened.load(Ordering::Relaxed),
        endings: connections.endings.tallies(),
        usage: app.hub.usage(),
        backlog: app.hub.backlog(),
        timeline_bytes: app.hub.timeline_memory().used_bytes() as u64,
        timeline_budget_bytes: app.hub.timeline_memory().budget_bytes() as u64,
        presence: app.hub.presence_tally(),
        limited: app.rates.tallies(),
        forgotten: app.rates.forgotten(),
        reloads: [
            ("taken", app.certificates.taken.load(Ordering::Relaxed)),
            ("refused", app.certificates.refused.load(Ordering::Relaxed)),
        ],
        ready: app.hub.readiness() == Readiness::Ready,
        memory: [
            app.memory.used_percent.load(Ordering::Relaxed),
            u64::from(app.hub.is_short_of_memory()),
            app.memory.trims.load(Ordering::Relaxed),
        ],
    };
    let mut registry = Registry::with_prefix("radial");
    registry.register_collector(Box::new(snapshot));
    let mut text = String::new();
    // Writing to a String cannot fail.
    let _ = encode(&mut text, &registry);
    text
}

#[derive(Debug)]
struct Snapshot {
    tallies: Tallies,
    acks: AckTallies,
    sockets: u64,
    polls: u64,
    streams: u64,
    streams_opened: u64,
    endings: Vec<(&'static str, u64)>,
    usage: Usage,
    backlog: Backlog,
    timeline_bytes: u64,
    timeline_budget_bytes: u64,
    presence: PresenceTally,
    limited: Vec<(&'static str, u64)>,
    forgotten: u64,
    reloads: [(&'static str, u64); 2],
    ready: bool,
    memory: [u64; 3],
}

impl Snapshot {
    /// What is open, and what has ended.
    fn encode_open(&self, encoder: &mut DescriptorEncoder<'_>) -> Result<(), std::fmt::Error> {
        gauge(encoder, "sockets", "Open TCP connections.", self.sockets)?;
        gauge(encoder, "polls", "Long polls that wait.", self.polls)?;
        gauge(encoder, "connections", "Open event streams.", self.streams)?;
        let help = "Event streams ever opened.";
        counter(encoder, "connections_opened", help, self.streams_opened)?;
        let help = "Event streams that have ended, by reason.";
        counters(encoder, "connections_ended", help, "reason", &self.endings)
    }

    /// What the edge refused, forgot and renewed.
    fn edge(&self, encoder: &mut DescriptorEncoder<'_>) -> Result<(), std::fmt::Error> {
        counters(
            encoder,
            "limited_requests",
            "Requests that a rate or a number of connections refused, by limit.",
            "limit",
            &self.limited,
        )?;
        counter(
            encoder,
            "forgotten_buckets",
            "Rates that were forgotten too early, for lack of room.",
            self.forgotten,
        )?;
        counters(
            encoder,
            "certificate_reloads",
            "Times that the certificates' files had changed, by what became of it.",
            "result",
            &self.reloads,
        )
    }
}

impl Collector for Snapshot {
    fn encode(&self, mut encoder: DescriptorEncoder<'_>) -> Result<(), std::fmt::Error> {
        let tallies = &self.tallies;
        gauge(
            &mut encoder,
            "ready",
            "1 if the hub takes and gives events.",
            u64::from(self.ready),
        )?;
        self.encode_open(&mut encoder)?;
        counters(
            &mut encoder,
            "published_events",
            "Events accepted, by persistence class.",
            "persistence",
            &tallies.accepted,
        )?;
        counter(
            &mut encoder,
            "duplicate_events",
            "Publishes of an eventId that was known already.",
            tallies.duplicates,
        )?;
        counter(
            &mut encoder,
            "deduplicated_events",
            "Publishes that repeated the latest event of their key, and added nothing.",
            tallies.deduplicated,
        )?;
        counters(
            &mut encoder,
            "refused_events",
            "Events that were refused, by problem code.",
            "code",
            &tallies.refused_events,
        )?;
        counters(
            &mut encoder,
            "refused_requests",
            "Requests that were refused as a whole, by problem code.",
            "code",
            &tallies.refused_requests,
        )?;
        self.edge(&mut encoder)?;
        self.encode_delivered(&mut encoder)?;
        encode_acks(&mut encoder, &self.acks)?;
        self.encode_kept(&mut encoder)
    }
}

impl Snapshot {
    /// What connections got, and what not.
    fn encode_delivered(&self, encoder: &mut DescriptorEncoder<'_>) -> Result<(), std::fmt::Error> {
        let tallies = &self.tallies;
        counter(
            encoder,
            "delivered_events",
            "Events given to connections, once per connection.",
            tallies.delivered,
        )?;
        counters(
            encoder,
            "dropped_events",
            "Events kept from a connection that asked for them, by reason.",
            "reason",
            &[
                ("coalesced", tallies.coalesced),
                ("expired", tallies.expired),
                ("lag", tallies.shed_by_lag),
                ("memory", tallies.shed_for_memory),
            ],
        )?;
        counter(
            encoder,
            "large_pages",
            "Pages of 800 due events or more: their readers are far behind.",
            tallies.large_pages,
        )
    }

    /// What is kept, in memory and on the disk.
    fn encode_kept(&self, encoder: &mut DescriptorEncoder<'_>) -> Result<(), std::fmt::Error> {
        encode_memory(encoder, self.timeline_bytes, self.timeline_budget_bytes)?;
        let [used_percent, is_short, trims] = self.memory;
        let help = "How much of the memory that the process may use is used, in per cent.";
        gauge(encoder, "memory_used_percent", help, used_percent)?;
        gauge(encoder, "short_of_memory", "1 if memory is short.", is_short)?;
        let help = "Times that timelines gave up a half because memory was short.";
        counter(encoder, "memory_trims", help, trims)?;
        encode_presence(encoder, self.presence)?;
        encode_usage(encoder, &self.usage)?;
        self.encode_backlog(encoder)
    }

    /// What waits for the disk, and what was refused for it.
    fn encode_backlog(&self, encoder: &mut DescriptorEncoder<'_>) -> Result<(), std::fmt::Error> {
        let Backlog { events, events_max, bytes, bytes_max } = self.backlog;
        for (name, help, value) in [
            ("waiting_events", "Events that wait for the disk.", events),
            ("waiting_events_max", "How many may.", events_max),
            ("waiting_bytes", "The bytes of memory that they take.", bytes),
            ("waiting_bytes_max", "How many they may.", bytes_max),
        ] {
            gauge(encoder, name, help, value as u64)?;
        }
        counters(
            encoder,
            "overloaded_events",
            "Events refused because too much was waiting for the disk, by priority.",
            "priority",
            &self.tallies.overloaded,
        )
    }
}

/// What sessions owe, and what became of it.
fn encode_acks(
    encoder: &mut DescriptorEncoder<'_>,
    acks: &AckTallies,
) -> Result<(), std::fmt::Error> {
    let help = "Event ids in acknowledgements, by what became of them.";
    counters(encoder, "acknowledgements", help, "result", &acks.acknowledgements)?;
    let help = "Times that acknowledgements, or the record of a new session, could not be stored.";
    counter(encoder, "acks_not_stored", help, acks.not_stored)?;
    let help = "Events that were sent again for want of an acknowledgement.";
    counter(encoder, "redelivered_events", help, acks.redelivered)?;
    let help = "Redeliveries that were due and not sent, by reason.";
    counters(encoder, "withheld_redeliveries", help, "reason", &acks.withheld)?;
    let help = "Acknowledgements that are not waited for any more, by reason.";
    counters(encoder, "ended_debts", help, "reason", &acks.given_up)?;
    let help = "Sessions that owe nothing any more, by reason.";
    counters(encoder, "forgotten_sessions", help, "reason", &acks.forgotten)?;
    let help = "Sessions of which is known what they have acknowledged.";
    gauge(encoder, "ack_sessions", help, acks.sessions)?;
    let help = "Acknowledgements that are waited for, of sessions that were there.";
    gauge(encoder, "outstanding_acks", help, acks.debts)?;
    gauge(encoder, "ack_events", "Events in the log that must be acknowledged.", acks.events)
}

fn encode_memory(
    encoder: &mut DescriptorEncoder<'_>,
    used: u64,
    budget: u64,
) -> Result<(), std::fmt::Error> {
    let help = "What the timelines of all tenants hold in memory.";
    gauge(encoder, "timeline_bytes", help, used)?;
    gauge(encoder, "timeline_budget_bytes", "What they may hold.", budget)
}

fn encode_presence(
    encoder: &mut DescriptorEncoder<'_>,
    tally: PresenceTally,
) -> Result<(), std::fmt::Error> {
    let help = "Who is on channels where presence is kept, of all tenants.";
    gauge(encoder, "presence_members", help, tally.members)?;
    counter(encoder, "presence_events", "Events that told who came and went.", tally.events)?;
    let help = "How often somebody was not counted for lack of room.";
    counter(encoder, "presence_unlisted", help, tally.unlisted)
}

fn encode_usage(encoder: &mut DescriptorEncoder<'_>, usage: &Usage) -> Result<(), std::fmt::Error> {
    gauge(encoder, "log_events", "Events in the store, of all tenants.", usage.events)?;
    gauges(
        encoder,
        "log_bytes",
        "What events and entities take in the store, as quotas count it.",
        "part",
        &[("events", usage.event_bytes), ("entities", usage.entity_bytes)],
    )?;
    gauge(encoder, "entities", "Entities that are there.", usage.entities)?;
    gauge(
        encoder,
        "tombstones",
        "Entities that were deleted and are still known.",
        usage.tombstones,
    )
}

fn gauge(
    encoder: &mut DescriptorEncoder<'_>,
    name: &str,
    help: &str,
    value: u64,
) -> Result<(), std::fmt::Error> {
    let value = i64::try_from(value).unwrap_or(i64::MAX);
    ConstGauge::new(value).encode(encoder.encode_descriptor(name, help, None, MetricType::Gauge)?)
}

fn gauges(
    encoder: &mut DescriptorEncoder<'_>,
    name: &str,
    help: &str,
    label: &str,
    values: &[(&'static str, u64)],
) -> Result<(), std::fmt::Error> {
    let mut descriptor = encoder.encode_descriptor(name, help, None, MetricType::Gauge)?;
    for (value_of_label, value) in values {
        let labels = [(label, *value_of_label)];
        let value = i64::try_from(*value).unwrap_or(i64::MAX);
        ConstGauge::new(value).encode(descriptor.encode_family(&labels)?)?;
    }
    Ok(())
}

fn counter(
    encoder: &mut DescriptorEncoder<'_>,
    name: &str,
    help: &str,
    value: u64,
) -> Result<(), std::fmt::Error> {
    let descriptor = encoder.encode_descriptor(name, help, None, MetricType::Counter)?;
    ConstCounter::new(value).encode(descriptor)
}

fn counters(
    encoder: &mut DescriptorEncoder<'_>,
    name: &str,
    help: &str,
    label: &str,
    values: &[(&'static str, u64)],
) -> Result<(), std::fmt::Error> {
    let mut descriptor = encoder.encode_descriptor(name, help, None, MetricType::Counter)?;
    for (value_of_label, value) in values {
        let labels = [(label, *value_of_label)];
        ConstCounter::new(*value).encode(descriptor.encode_family(&labels)?)?;
    }
    Ok(())
}
