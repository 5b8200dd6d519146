//! How much work and stack a schema can cost, whatever data it is applied to.

use super::graph::{Graph, Node};
use super::{
    CHAIN_MAX, Fault, IN_PLACE_COST_MAX, RECURSIVE_CHAIN_MAX, TREE_COST_MAX, TREE_DEPTH_MAX,
};
use crate::problem::Rule;

/// How often `unevaluated…` may apply what it depends on again: about once a member.
const APPLIED_AGAIN: u64 = 16;

/// Bounds on the work of applying a schema.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Cost {
    /// Checks made on one value, without its members.
    pub(crate) in_place: u64,
    /// How many subschemas can apply to one member, at most.
    pub(crate) fan: u64,
    /// Checks in the whole schema with its references written out; for a schema that refers to
    /// itself, once round.
    pub(crate) tree: u64,
    /// Whether the schema refers to itself, so that its depth is the data's.
    pub(crate) is_recursive: bool,
    /// Whether errors are collected per alternative and kept as copies.
    pub(crate) has_alternatives: bool,
}

impl Cost {
    /// Measures a schema, or refuses it.
    pub(crate) fn of(graph: &Graph) -> Result<Self, Fault> {
        let mut in_place = InPlace { graph, known: vec![State::Unseen; graph.nodes.len()] };
        let (mut cost, mut fan, mut longest) = (0, 0, 0);
        for index in 0..graph.nodes.len() {
            let (totals, chain) = in_place.visit(index, 0)?;
            longest = chain.max(longest);
            cost = totals.cost.max(cost);
            fan = totals.fan.max(fan);
        }
        let mut tree =
            Tree { graph, known: vec![State::Unseen; graph.nodes.len()], is_recursive: false };
        let tree_cost = tree.cost(0, 0)?;
        if tree.is_recursive && longest > RECURSIVE_CHAIN_MAX {
            let message = format!(
                "The schema refers to itself, and more than {RECURSIVE_CHAIN_MAX} subschemas \
                 in a row apply to the same value."
            );
            return Err(Fault::new(Rule::SchemaTooDeep, message));
        }
        if cost > IN_PLACE_COST_MAX || tree_cost > TREE_COST_MAX {
            let message = "The schema, with its references written out, has too many checks \
                           to be applied in a short time.";
            return Err(Fault::new(Rule::SchemaTooCostly, message));
        }
        Ok(Self {
            in_place: cost,
            fan,
            tree: tree_cost,
            is_recursive: tree.is_recursive,
            has_alternatives: graph.has_alternatives,
        })
    }

    /// At most how many errors data with so many values, nested so deep, can have.
    pub(crate) fn errors_max(&self, value_count: u64, depth: u32) -> u64 {
        let per_value = if self.is_recursive {
            self.in_place.saturating_mul(self.fan.max(1).saturating_pow(depth))
        } else {
            self.tree
        };
        per_value.saturating_mul(value_count)
    }
}

#[derive(Clone, Copy)]
enum State<T> {
    Unseen,
    Open,
    Done(T),
}

#[derive(Clone, Copy)]
struct Totals {
    cost: u64,
    fan: u64,
}

struct InPlace<'g> {
    graph: &'g Graph,
    known: Vec<State<(Totals, usize)>>,
}

impl InPlace<'_> {
    /// The totals of a subschema and the longest chain of applications below it.
    fn visit(&mut self, index: usize, depth: usize) -> Result<(Totals, usize), Fault> {
        match self.known.get(index) {
            Some(State::Done((totals, chain))) if depth + chain <= CHAIN_MAX => {
                return Ok((*totals, *chain));
            }
            Some(State::Unseen) if depth < CHAIN_MAX => {}
            Some(State::Open) => {
                let message = "The schema refers to itself for the same value, \
                               without going into a member or item.";
                return Err(Fault::new(Rule::SchemaReference, message));
            }
            _ => {
                let message =
                    format!("More than {CHAIN_MAX} subschemas in a row apply to the same value.");
                return Err(Fault::new(Rule::SchemaTooDeep, message));
            }
        }
        let Some(node) = self.graph.nodes.get(index) else {
            return Ok((Totals { cost: 0, fan: 0 }, 0));
        };
        self.set(index, State::Open);
        let mut inner = Totals { cost: 0, fan: node.fan };
        let mut chain = 0;
        for &next in &node.in_place {
            let (totals, below) = self.visit(next, depth + 1)?;
            inner.cost = inner.cost.saturating_add(totals.cost);
            inner.fan = inner.fan.saturating_add(totals.fan);
            chain = chain.max(below + 1);
        }
        let totals = Totals { cost: with_own(node, inner.cost), fan: inner.fan };
        self.set(index, State::Done((totals, chain)));
        Ok((totals, chain))
    }

    fn set(&mut self, index: usize, state: State<(Totals, usize)>) {
        if let Some(place) = self.known.get_mut(index) {
            *place = state;
        }
    }
}

struct Tree<'g> {
    graph: &'g Graph,
    known: Vec<State<u64>>,
    is_recursive: bool,
}

impl Tree<'_> {
    fn cost(&mut self, index: usize, depth: usize) -> Result<u64, Fault> {
        match self.known.get(index) {
            Some(State::Done(cost)) => return Ok(*cost),
            Some(State::Open) => {
                self.is_recursive = true;
                return Ok(0);
            }
            Some(State::Unseen) if depth >= TREE_DEPTH_MAX => {
                let message = format!(
                    "The schema, with its references written out, is more than \
                     {TREE_DEPTH_MAX} subschemas deep."
                );
                return Err(Fault::new(Rule::SchemaTooDeep, message));
            }
            _ => {}
        }
        let Some(node) = self.graph.nodes.get(index) else {
            return Ok(0);
        };
        self.set(index, State::Open);
        let mut inner = 0_u64;
        for &next in node.in_place.iter().chain(&node.descend) {
            inner = inner.saturating_add(self.cost(next, depth + 1)?);
        }
        let cost = with_own(node, inner);
        self.set(index, State::Done(cost));
        Ok(cost)
    }

    fn set(&mut self, index: usize, state: State<u64>) {
        if let Some(place) = self.known.get_mut(index) {
            *place = state;
        }
    }
}

fn with_own(node: &Node, inner: u64) -> u64 {
    let factor = if node.applies_again { APPLIED_AGAIN } else { 1 };
    node.weight.saturating_add(inner.saturating_mul(factor))
}
