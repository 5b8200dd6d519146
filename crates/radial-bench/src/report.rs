//! What a bench found, as a table for people or as JSON.

use std::fmt;

use serde_json::{Map, Value, json};

/// What a figure is measured in.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Unit {
    /// Shown as µs, ms or s, whichever fits.
    Seconds,
    /// Shown with thousands separated.
    PerSecond,
    /// Shown with three digits.
    Ratio,
    /// 1 is 100 %.
    Percent,
    /// Shown as B, KB (1,024 bytes) or MB, whichever fits.
    Bytes,
}

/// A number with its unit.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Figure {
    pub(crate) value: f64,
    pub(crate) unit: Unit,
}

/// What a figure is compared with.
#[derive(Clone, Copy, Debug)]
pub(crate) enum Must {
    AtLeast(f64),
    AtMost(f64),
}

/// One line of a table.
#[derive(Clone, Debug)]
pub(crate) struct Row {
    what: String,
    figures: Vec<(&'static str, Figure)>,
    musts: Vec<(&'static str, Must)>,
    remark: String,
}

impl Row {
    pub(crate) fn new(what: impl Into<String>) -> Self {
        Self { what: what.into(), figures: Vec::new(), musts: Vec::new(), remark: String::new() }
    }

    /// Adds a figure.
    pub(crate) fn with(mut self, column: &'static str, value: f64, unit: Unit) -> Self {
        self.figures.push((column, Figure { value, unit }));
        self
    }

    /// Says what the figure in a column must be.
    pub(crate) fn must(mut self, column: &'static str, must: Must) -> Self {
        self.musts.push((column, must));
        self
    }

    /// Adds a word at the end of the line.
    pub(crate) fn remark(mut self, remark: impl Into<String>) -> Self {
        self.remark = remark.into();
        self
    }

    fn figure(&self, column: &str) -> Option<Figure> {
        self.figures.iter().find(|(name, _)| *name == column).map(|(_, figure)| *figure)
    }

    fn verdicts(&self) -> Vec<(&'static str, String, bool)> {
        let verdict = |(column, must): &(&'static str, Must)| {
            let figure = self.figure(column)?;
            let (sign, bound, ok) = match *must {
                Must::AtLeast(bound) => ("≥", bound, figure.value >= bound),
                Must::AtMost(bound) => ("≤", bound, figure.value <= bound),
            };
            let bound = Figure { value: bound, unit: figure.unit };
            Some((*column, format!("{sign} {bound}"), ok))
        };
        self.musts.iter().filter_map(verdict).collect()
    }
}

/// A table with its title, and lines below it.
#[derive(Clone, Debug)]
pub(crate) struct Report {
    title: String,
    rows: Vec<Row>,
    notes: Vec<String>,
}

impl Report {
    pub(crate) fn new(title: impl Into<String>) -> Self {
        Self { title: title.into(), rows: Vec::new(), notes: Vec::new() }
    }

    pub(crate) fn push(&mut self, row: Row) {
        self.rows.push(row);
    }

    /// Adds a line below the table.
    pub(crate) fn note(&mut self, note: impl Into<String>) {
        self.notes.push(note.into());
    }

    /// The same for programs; times are in seconds, shares of 1.
    pub(crate) fn json(&self) -> Value {
        let row = |row: &Row| {
            let mut object = Map::new();
            object.insert("what".to_owned(), json!(row.what));
            for (column, figure) in &row.figures {
                object.insert((*column).to_owned(), json!(figure.value));
            }
            for (column, bound, ok) in row.verdicts() {
                object.insert(format!("{column} must be"), json!({ "bound": bound, "ok": ok }));
            }
            if !row.remark.is_empty() {
                object.insert("remark".to_owned(), json!(row.remark));
            }
            Value::Object(object)
        };
        let rows: Vec<_> = self.rows.iter().map(row).collect();
        json!({ "title": self.title, "rows": rows, "notes": self.notes })
    }

    fn cells(&self) -> Vec<Vec<String>> {
        let mut columns: Vec<&str> = Vec::new();
        for (column, _) in self.rows.iter().flat_map(|row| &row.figures) {
            if !columns.contains(column) {
                columns.push(column);
            }
        }
        let mut head = vec![String::new()];
        head.extend(columns.iter().map(|&column| column.to_owned()));
        head.extend(["must".to_owned(), String::new()]);
        let mut lines = vec![head];
        for row in &self.rows {
            let mut line = vec![row.what.clone()];
            let text = |column: &&str| row.figure(column).map(|figure| figure.to_string());
            line.extend(columns.iter().map(|column| text(column).unwrap_or_default()));
            let several = row.verdicts().len() > 1;
            let verdicts = row.verdicts().into_iter().map(|(column, bound, ok)| {
                let name = if several { format!("{column} ") } else { String::new() };
                format!("{name}{bound} {}", if ok { "ok" } else { "MISSED" })
            });
            line.push(verdicts.collect::<Vec<_>>().join(", "));
            line.push(row.remark.clone());
            lines.push(line);
        }
        // A column that nothing stands in is left out, whatever its head says.
        let filled: Vec<bool> = (0..lines.first().map_or(0, Vec::len))
            .map(|index| {
                lines
                    .iter()
                    .skip(1)
                    .any(|line| line.get(index).is_some_and(|cell| !cell.is_empty()))
            })
            .collect();
        for line in &mut lines {
            let mut keep = filled.iter();
            line.retain(|_| *keep.next().unwrap_or(&true));
        }
        lines
    }
}

impl fmt::Display for Report {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        writeln!(f, "\n{}\n", self.title)?;
        let lines = self.cells();
        let width = |column: usize| {
            lines.iter().filter_map(|line| Some(line.get(column)?.chars().count())).max()
        };
        for (number, line) in lines.iter().enumerate() {
            for (column, cell) in line.iter().enumerate() {
                let width = width(column).unwrap_or(0);
                write!(f, "| {cell:<width$} ")?;
            }
            writeln!(f, "|")?;
            if number == 0 {
                writeln!(f, "|{}", "---|".repeat(line.len()))?;
            }
        }
        for note in &self.notes {
            writeln!(f, "\n{note}")?;
        }
        Ok(())
    }
}

impl fmt::Display for Figure {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let value = self.value;
        match self.unit {
            Unit::Seconds if value < 0.000_1 => write!(f, "{:.1} µs", value * 1e6),
            Unit::Seconds if value < 0.001 => write!(f, "{:.0} µs", value * 1e6),
            Unit::Seconds if value < 1.0 => write!(f, "{:.2} ms", value * 1e3),
            Unit::Seconds => write!(f, "{value:.2} s"),
            Unit::PerSecond => f.write_str(&grouped(value)),
            Unit::Ratio => write!(f, "{value:.3}"),
            Unit::Percent if value < 0.1 => write!(f, "{:.1} %", value * 100.0),
            Unit::Percent => write!(f, "{:.0} %", value * 100.0),
            Unit::Bytes if value.abs() < 1_000.0 => write!(f, "{value:.0} B"),
            Unit::Bytes if value.abs() < 1_000_000.0 => write!(f, "{:.2} KB", value / 1_024.0),
            Unit::Bytes => write!(f, "{:.1} MB", value / 1_048_576.0),
        }
    }
}

fn grouped(value: f64) -> String {
    let digits = format!("{value:.0}");
    let mut out = String::new();
    for (index, digit) in digits.chars().enumerate() {
        if index > 0 && (digits.len() - index).is_multiple_of(3) {
            out.push(',');
        }
        out.push(digit);
    }
    out
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_table_shows_figures_and_verdicts() {
        let mut report = Report::new("Title");
        report.push(
            Row::new("one")
                .with("events/s", 1_234_567.0, Unit::PerSecond)
                .must("events/s", Must::AtLeast(50_000.0)),
        );
        report.push(
            Row::new("two").with("p50", 0.000_25, Unit::Seconds).must("p50", Must::AtMost(0.000_1)),
        );
        report.note("Below.");
        let expected = "
Title

|     | events/s  | p50    | must            |
|---|---|---|---|
| one | 1,234,567 |        | ≥ 50,000 ok     |
| two |           | 250 µs | ≤ 100 µs MISSED |

Below.
";
        assert_eq!(report.to_string(), expected);
        assert_eq!(report.json()["rows"][1]["p50 must be"]["ok"], false);
    }
}
