//! Runs cases: a hub for each, its steps in order, and what did not fit.

use std::collections::BTreeMap;
use std::fmt;
use std::path::Path;

use anyhow::{Context as _, Result, ensure};

use super::answer::{Difference, check, fits};
use super::case::{Ack, Case, Get, Kind, Open, Publish, Read, Restart, Step, Stop};
use super::invariants::Invariants;
use super::transport::{Connection, Item, OpenRequest, Opened, Transport, borrowed, query_text};
use super::variables::{Variables, plain};
use crate::server::TestServer;
use crate::wire::request;

/// How many heartbeats a step waits through for one that fits.
const HEARTBEATS_MAX: usize = 100;

/// What came of the cases of a folder.
#[derive(Debug, Default)]
pub struct Report {
    /// The cases that fit.
    pub passed: usize,
    /// The cases of other transports.
    pub skipped: usize,
    /// The others.
    pub failures: Vec<Failure>,
}

/// A case that did not fit.
#[derive(Debug)]
pub struct Failure {
    /// The file, from the cases' folder on.
    pub file: String,
    /// The step, counted from 1, and what it does; none if the case did not get so far.
    pub step: Option<(usize, String)>,
    /// What should have been.
    pub expected: String,
    /// What was.
    pub found: String,
}

impl fmt::Display for Failure {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}", self.file)?;
        if let Some((number, step)) = &self.step {
            write!(f, ", step {number} ({step})")?;
        }
        write!(f, "\n  expected: {}\n  found:    {}", self.expected, self.found)
    }
}

/// Runs every case of a folder over one transport.
///
/// # Errors
/// The folder cannot be read, or has no case.
pub async fn run_folder(folder: &Path, transport: Transport) -> Result<Report> {
    let mut files: Vec<_> = std::fs::read_dir(folder)
        .with_context(|| format!("cannot read {}", folder.display()))?
        .map(|entry| Ok(entry?.path()))
        .collect::<Result<_>>()?;
    files.retain(|path| path.extension().is_some_and(|ending| ending == "yaml"));
    files.sort();
    ensure!(!files.is_empty(), "{} has no case", folder.display());
    let mut report = Report::default();
    for path in files {
        let file = path.file_name().unwrap_or_default().to_string_lossy().into_owned();
        let text = std::fs::read_to_string(&path)?;
        match run_file(&file, &text, transport).await {
            Ok(true) => report.passed += 1,
            Ok(false) => report.skipped += 1,
            Err(failure) => report.failures.push(failure),
        }
    }
    Ok(report)
}

/// Runs one case; false if it is for other transports.
async fn run_file(file: &str, text: &str, transport: Transport) -> Result<bool, Failure> {
    let failure = |step, Difference { expected, found }| Failure {
        file: file.to_owned(),
        step,
        expected,
        found,
    };
    let case: Case = serde_saphyr::from_str(text)
        .map_err(|error| failure(None, Difference::new("a case", error.to_string())))?;
    if file.strip_suffix(".yaml") != Some(&case.name) || case.proves.trim().is_empty() {
        let difference =
            Difference::new("a name that is the file's, and what the case proves", case.name);
        return Err(failure(None, difference));
    }
    if !case.transports.is_empty() && !case.transports.contains(&transport) {
        return Ok(false);
    }
    let mut run = Run::start(&case, transport)
        .await
        .map_err(|error| failure(None, Difference::new("a hub", format!("{error:#}"))))?;
    for (index, step) in case.steps.iter().enumerate() {
        run.step(step)
            .await
            .map_err(|difference| failure(Some((index + 1, step.to_string())), difference))?;
    }
    run.finish().await.map_err(|difference| failure(None, difference))?;
    Ok(true)
}

struct Run {
    transport: Transport,
    /// Gone only while the hub is started again.
    hub: Option<TestServer>,
    variables: Variables,
    connections: BTreeMap<String, (Connection, Invariants)>,
    /// The case's own event types.
    _registry: Option<tempfile::TempDir>,
}

impl Run {
    async fn start(case: &Case, transport: Transport) -> Result<Self> {
        let mut settings: Vec<(&str, String)> =
            case.settings.iter().map(|(name, value)| (name.as_str(), plain(value))).collect();
        let registry = case.registry.as_ref().map(registry_folder).transpose()?;
        if let Some(folder) = &registry {
            settings.push(("hub.registry", folder.path().display().to_string()));
        }
        let settings: Vec<(&str, &str)> =
            settings.iter().map(|(name, value)| (*name, value.as_str())).collect();
        let hub = Some(TestServer::with(&settings).await?);
        let (variables, connections) = (Variables::default(), BTreeMap::new());
        Ok(Self { transport, hub, variables, connections, _registry: registry })
    }

    fn hub(&self) -> Result<&TestServer, Difference> {
        self.hub.as_ref().ok_or_else(|| Difference::new("a hub that runs", "it did not restart"))
    }

    async fn step(&mut self, step: &Step) -> Result<(), Difference> {
        match step {
            Step::Publish(publish) => self.publish(publish).await,
            Step::Open(open) => self.open(open).await,
            Step::Read(read) => self.read(read).await,
            Step::Get(get) => self.get(get).await,
            Step::Ack(ack) => self.acknowledge(ack).await,
            Step::Close(close) => match self.connections.remove(&close.connection) {
                Some(_) => Ok(()),
                None => Err(no_connection(&close.connection)),
            },
            Step::Restart(Restart { stop: Stop::Clean }) => {
                if let Some(hub) = self.hub.take() {
                    self.hub = Some(hub.restart().await?);
                }
                Ok(())
            }
        }
    }

    async fn publish(&mut self, step: &Publish) -> Result<(), Difference> {
        let body = self.variables.fill(&step.body)?;
        let mut query = self.variables.fill_fields(&step.query)?;
        if step.atomic {
            query.push(("atomic".to_owned(), "true".to_owned()));
        }
        let path = format!("/api/sse/events{}", query_text(&query));
        let mut headers = self.variables.fill_fields(&step.headers)?;
        headers.push(("content-type".to_owned(), "application/json".to_owned()));
        let address = self.hub()?.address();
        let body_text = body.to_string();
        let answer =
            request(address, "POST", &path, &borrowed(&headers), body_text.as_bytes()).await?;
        let status = if body.is_array() && !step.atomic { 207 } else { 201 };
        let found = check(&step.expect, status, &self.variables, &answer)?;
        Ok(self.variables.save(&step.save, &found)?)
    }

    async fn get(&mut self, step: &Get) -> Result<(), Difference> {
        let query = self.variables.fill_fields(&step.query)?;
        let path = format!("{}{}", step.path, query_text(&query));
        let headers = self.variables.fill_fields(&step.headers)?;
        let address = self.hub()?.address();
        let answer = request(address, "GET", &path, &borrowed(&headers), b"").await?;
        let found = check(&step.expect, 200, &self.variables, &answer)?;
        Ok(self.variables.save(&step.save, &found)?)
    }

    async fn acknowledge(&mut self, step: &Ack) -> Result<(), Difference> {
        let hub =
            self.hub.as_ref().ok_or_else(|| Difference::new("a hub that runs", "it did not"))?;
        let (connection, _) =
            self.connections.get_mut(&step.on).ok_or_else(|| no_connection(&step.on))?;
        let (events, session) =
            (self.variables.fill(&step.events)?, self.variables.fill(&step.session)?);
        let answer = connection.acknowledge(hub, &events, &session).await?;
        check(&step.expect, 200, &self.variables, &answer).map(drop)
    }

    async fn open(&mut self, step: &Open) -> Result<(), Difference> {
        let query = self.variables.fill_fields(&step.query)?;
        let headers = self.variables.fill_fields(&step.headers)?;
        let named = query.iter().any(|(name, value)| name == "named" && value == "true");
        let open = OpenRequest { query, headers };
        match self.transport.open(self.hub()?, &open).await? {
            Opened::Refused(answer) => check(&step.expect, 200, &self.variables, &answer).map(drop),
            Opened::Connection(connection) => {
                if let Some(status) = step.expect.status.filter(|status| *status != 200) {
                    return Err(Difference::new(format!("status {status}"), "an open connection"));
                }
                let opened =
                    (connection, Invariants::new(named, self.transport.carries(Kind::Hello)));
                match self.connections.insert(step.connection.clone(), opened) {
                    None => Ok(()),
                    Some(_) => Err(Difference::new("a new name", "one that is open already")),
                }
            }
        }
    }

    async fn read(&mut self, step: &Read) -> Result<(), Difference> {
        let (connection, invariants) = self
            .connections
            .get_mut(&step.connection)
            .ok_or_else(|| no_connection(&step.connection))?;
        for (index, expected) in step.expect.iter().enumerate() {
            if !self.transport.carries(expected.kind) {
                continue;
            }
            let pattern = self.variables.fill(&expected.pattern)?;
            let what = format!("item {}, {}", index + 1, expected.kind.as_str());
            let mut heartbeats = 0;
            let item = loop {
                let item = connection.next().await.map_err(|error| {
                    Difference::new(format!("{what}: {pattern}"), format!("{error:#}"))
                })?;
                invariants.check(&item).map_err(|broken| {
                    Difference::new(format!("{what}, and what always holds"), show(&item, &broken))
                })?;
                let passed_over = step.skip.contains(&item.kind) && item.kind != expected.kind;
                // A heartbeat says how it is now: the next one that fits is meant.
                let early = item.kind == Kind::Heartbeat
                    && expected.kind == Kind::Heartbeat
                    && fits("", &pattern, Some(&item.json)).is_err();
                heartbeats += usize::from(early);
                if !passed_over && (!early || heartbeats > HEARTBEATS_MAX) {
                    break item;
                }
            };
            if item.kind != expected.kind {
                return Err(Difference::new(format!("{what}: {pattern}"), show(&item, "")));
            }
            if expected.kind != Kind::End {
                fits(&what, &pattern, Some(&item.json))?;
            }
            self.variables.save_item(&expected.save, &item)?;
        }
        Ok(())
    }

    /// The hub stops with the case, while its connections are still open.
    async fn finish(mut self) -> Result<(), Difference> {
        if let Some(hub) = self.hub.take() {
            hub.stop().await?;
        }
        Ok(())
    }
}

fn registry_folder(types: &serde_json::Value) -> Result<tempfile::TempDir> {
    let folder = tempfile::tempdir()?;
    std::fs::write(folder.path().join("case.json"), types.to_string())?;
    Ok(folder)
}

fn show(item: &Item, broken: &str) -> String {
    let comment = if broken.is_empty() { String::new() } else { format!("{broken}: ") };
    format!("{comment}{} {}", item.kind.as_str(), item.json)
}

fn no_connection(name: &str) -> Difference {
    Difference::new(format!("a connection {name}"), "no step has opened it")
}
