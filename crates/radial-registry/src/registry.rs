//! The set of event types: loaded as a whole or not at all, then immutable.

use std::collections::BTreeMap;
use std::collections::btree_map::Entry;
use std::path::Path;
use std::sync::Arc;

use radial_protocol::names::EventTypeName;
use serde::{Serialize, Serializer};
use serde_json::Value;

use crate::builtin;
use crate::error::RegistryError;
use crate::event_type::EventType;
use crate::file::{self, Folder};
use crate::lint;
use crate::presence;
use crate::problem::{Place, Report, Rule};
use crate::suggest;

/// So many names are compared with one that is not known.
const COMPARED_MAX: usize = 128;

/// Most event types in a registry.
pub const TYPES_MAX: usize = 10_000;

/// All event types of a hub. Immutable: a change makes a new registry that shares what is the
/// same, so that cloning one is cheap and a reader is never in between.
#[derive(Debug, Clone, Default, Serialize)]
pub struct Registry {
    #[serde(serialize_with = "as_list")]
    types: Arc<Types>,
    #[serde(skip)]
    warnings: Arc<Report>,
}

impl Registry {
    /// Reads a folder of TOML and JSON files.
    ///
    /// # Errors
    ///
    /// Files that cannot be read, or a report of everything that is wrong in them.
    pub fn load_folder(path: &Path) -> Result<Self, RegistryError> {
        Self::from_folder(&Folder::read(path)?)
    }

    /// Takes the types of a folder that was read.
    ///
    /// # Errors
    ///
    /// A report of everything that is wrong.
    pub fn from_folder(folder: &Folder) -> Result<Self, RegistryError> {
        match build(folder) {
            (_, report) if report.has_errors() => Err(RegistryError::Refused(report)),
            (types, report) => Ok(Self { types: Arc::new(types), warnings: Arc::new(report) }),
        }
    }

    /// The built-in types (protocol §4).
    pub fn builtin() -> Self {
        builtin::registry()
    }

    /// This registry with the types of another added; of a type in both, the other's is kept.
    ///
    /// # Errors
    ///
    /// Types that do not hold together across the two, or too many of them.
    pub fn extended_with(&self, other: &Self) -> Result<Self, RegistryError> {
        let mut types = (*self.types).clone();
        types.extend(other.types.iter().map(|(name, each)| (name.clone(), Arc::clone(each))));
        let mut report = Report::default();
        check_whole(&types, &mut report);
        if report.has_errors() {
            return Err(RegistryError::Refused(report));
        }
        Ok(Self { types: Arc::new(types), warnings: Arc::clone(&other.warnings) })
    }

    /// This registry with the types of one document added or replaced, written as in a JSON file
    /// with its schemas inline. `name` stands for the file in the report.
    ///
    /// # Errors
    ///
    /// A report of everything that is wrong.
    pub fn with_document(&self, name: &str, document: &Value) -> Result<Self, RegistryError> {
        let mut report = Report::default();
        let changed = file::event_types_of(name, document, &mut report);
        let mut types = (*self.types).clone();
        types.extend(changed.into_iter().map(|each| (each.name.clone(), Arc::new(each))));
        check_whole(&types, &mut report);
        if report.has_errors() {
            return Err(RegistryError::Refused(report));
        }
        Ok(Self { types: Arc::new(types), warnings: Arc::new(report) })
    }

    /// This registry with the types by which the hub tells presence: `presence.joined` and
    /// `presence.left`, which no file can have.
    #[must_use]
    pub fn with_presence(&self) -> Self {
        let mut types = (*self.types).clone();
        let own = presence::event_types().into_iter();
        types.extend(own.map(|each| (each.name.clone(), Arc::new(each))));
        Self { types: Arc::new(types), warnings: Arc::clone(&self.warnings) }
    }

    /// This registry without a type.
    #[must_use]
    pub fn without(&self, event_type: &str) -> Self {
        let mut types = (*self.types).clone();
        types.remove(event_type);
        Self { types: Arc::new(types), warnings: Arc::clone(&self.warnings) }
    }

    /// The type of this name.
    pub fn get(&self, event_type: &str) -> Option<&EventType> {
        self.types.get(event_type).map(|found| &**found)
    }

    /// As [`get`](Self::get), for those who keep the type longer than the registry.
    pub fn get_shared(&self, event_type: &str) -> Option<Arc<EventType>> {
        self.types.get(event_type).cloned()
    }

    /// The registered name that was probably meant by one that is not, among the types that
    /// `may` admits. In a large registry not all are looked at; those of the same domain first.
    pub fn nearest(&self, name: &str, may: impl Fn(&EventType) -> bool) -> Option<&str> {
        let domain = |name: &str| name.split(['.', ':']).next().unwrap_or_default().to_owned();
        let wanted = domain(name);
        let (same, other): (Vec<&str>, Vec<&str>) = self
            .iter()
            .filter(|event_type| may(event_type))
            .map(|event_type| event_type.name.as_str())
            .partition(|known| domain(known) == wanted);
        suggest::nearest(name, same.into_iter().chain(other).take(COMPARED_MAX))
    }

    /// All types, in the order of their names.
    pub fn iter(&self) -> impl ExactSizeIterator<Item = &EventType> {
        self.types.values().map(|event_type| &**event_type)
    }

    /// How many types there are.
    pub fn len(&self) -> usize {
        self.types.len()
    }

    /// Whether there is no type at all, so that nothing can be published.
    pub fn is_empty(&self) -> bool {
        self.types.is_empty()
    }

    /// What is allowed but probably not meant in the files that were read.
    pub fn warnings(&self) -> &Report {
        &self.warnings
    }
}

/// Everything that is to be said about a folder, errors and warnings: `radial registry check`.
pub fn check(folder: &Folder) -> Report {
    build(folder).1
}

type Types = BTreeMap<EventTypeName, Arc<EventType>>;

fn as_list<S: Serializer>(types: &Types, serializer: S) -> Result<S::Ok, S::Error> {
    serializer.collect_seq(types.values())
}

fn build(folder: &Folder) -> (Types, Report) {
    let mut report = Report::default();
    let mut types = Types::new();
    for event_type in folder.event_types(&mut report) {
        match types.entry(event_type.name.clone()) {
            Entry::Vacant(place) => {
                place.insert(Arc::new(event_type));
            }
            Entry::Occupied(first) => {
                let at = Place::of_type(event_type.source(), event_type.name.as_str());
                let message = format!("The type is also in \"{}\".", first.get().source());
                report.add(&at, Rule::DuplicateType, message);
            }
        }
    }
    check_whole(&types, &mut report);
    report.sort();
    (types, report)
}

fn check_whole(types: &Types, report: &mut Report) {
    if types.len() > TYPES_MAX {
        let message = format!("There are more than {TYPES_MAX} types.");
        report.add(&Place::of_file("registry"), Rule::TooManyTypes, message);
    }
    lint::between(types.values().map(|event_type| &**event_type), report);
}
