//! One operation: what it takes, what it gives, and what it is refused for.

use std::collections::BTreeMap;

use radial_protocol::Code;
use serde_json::{Map, Value, json};

use super::words::{header, name, reference};
use crate::http::routes::Access;

/// What any request may be refused for.
const ANY: &[Code] = &[Code::OriginForbidden, Code::Internal];
/// What a request with a query may be refused for.
const QUERY: &[Code] = &[Code::InvalidParameter];
/// What a request with a credential may be refused for.
const CREDENTIAL: &[Code] = &[
    Code::Unauthorized,
    Code::Forbidden,
    Code::RateLimited,
    Code::Overloaded,
    Code::HubDisabled,
    Code::Draining,
];
/// What a request with a body may be refused for.
const BODY: &[Code] = &[
    Code::MalformedJson,
    Code::InvalidParameter,
    Code::BodyTimeout,
    Code::BodyTooLarge,
    Code::UnsupportedMedia,
];
/// What changes the log may be refused for.
pub(super) const WRITES: &[Code] = &[Code::LogUnavailable, Code::DiskFull];

/// An operation while it is described.
pub(super) struct Operation {
    id: &'static str,
    summary: &'static str,
    parameters: Vec<Value>,
    body: Option<Value>,
    answers: Map<String, Value>,
    refusals: Vec<Code>,
}

impl Operation {
    pub(super) fn new(id: &'static str, summary: &'static str) -> Self {
        let refusals = ANY.to_vec();
        Self { id, summary, parameters: Vec::new(), body: None, answers: Map::new(), refusals }
    }

    /// Takes parameters of the path, the query or headers.
    pub(super) fn takes(mut self, parameters: Vec<Value>) -> Self {
        self.parameters.extend(parameters);
        self.refuses(QUERY)
    }

    /// Takes a body in each of these media types.
    pub(super) fn body(mut self, required: bool, content: &[(&str, Value)]) -> Self {
        let content: Map<String, Value> = content
            .iter()
            .map(|(media, schema)| ((*media).to_owned(), json!({ "schema": schema })))
            .collect();
        self.body = Some(json!({ "required": required, "content": content }));
        self.refuses(BODY)
    }

    /// Shows a body of a media type that is named before.
    pub(super) fn example(mut self, media: &str, value: &Value) -> Self {
        if let Some(body) = &mut self.body {
            body["content"][media]["examples"] = json!({ "one": { "value": value } });
        }
        self
    }

    /// Answers with this status, and these media types if it says anything.
    pub(super) fn answers(
        mut self,
        status: u16,
        description: &str,
        content: &[(&str, Value)],
    ) -> Self {
        let mut answer = json!({ "description": description });
        for (media, schema) in content {
            answer["content"][media] = json!({ "schema": schema });
        }
        self.answers.insert(status.to_string(), answer);
        self
    }

    /// The same, for the only media type of most.
    pub(super) fn json(self, status: u16, description: &str, schema: &Value) -> Self {
        self.answers(status, description, &[("application/json", schema.clone())])
    }

    /// Answers of a state: with its `ETag`, and 304 to who has it already.
    pub(super) fn cached(mut self) -> Self {
        self.parameters.push(header(
            "If-None-Match",
            "the ETag of an answer that is there already",
            &json!({ "type": "string", "pattern": "^(W/)?\"[0-9a-f]{32}\"$" }),
        ));
        self.answers(304, "nothing has changed", &[])
    }

    pub(super) fn refuses(mut self, codes: &[Code]) -> Self {
        self.refusals.extend(codes);
        self
    }

    /// The operation of a row.
    pub(super) fn finish(mut self, access: Access) -> Value {
        let mut security = Vec::new();
        if access != Access::Anyone {
            self.refusals.extend(CREDENTIAL);
            self.parameters.push(header(
                "Radial-Tenant",
                "the tenant, for a credential of several",
                &name(),
            ));
            security = vec![json!({ "bearer": [] }), json!({ "cookie": [] })];
        }
        let mut by_status: BTreeMap<u16, Vec<&str>> = BTreeMap::new();
        for code in self.refusals {
            let codes = by_status.entry(code.status()).or_default();
            if !codes.contains(&code.as_str()) {
                codes.push(code.as_str());
            }
        }
        for (status, codes) in by_status {
            let answer = json!({
                "description": codes.join(", "),
                "content": { "application/problem+json": { "schema": reference("Problem") } },
            });
            let answers = &mut self.answers;
            answers.entry(status.to_string()).or_insert(answer);
        }
        let mut operation = json!({
            "operationId": self.id,
            "summary": self.summary,
            "tags": [tag(access)],
            "security": security,
            "responses": self.answers,
        });
        if !self.parameters.is_empty() {
            operation["parameters"] = self.parameters.into();
        }
        if let Some(body) = self.body {
            operation["requestBody"] = body;
        }
        operation
    }
}

fn tag(access: Access) -> &'static str {
    match access {
        Access::Anyone | Access::Scrape => "health",
        Access::Publish => "publish",
        Access::Subscribe | Access::History => "read",
        Access::TenantOperator | Access::HubOperator => "operate",
        Access::Developer => "development",
    }
}
