//! Acknowledgements of a WebSocket that are on their way to the disk. The stream does not wait for
//! them: each is answered when it is stored.

use std::sync::Arc;

use radial_hub::Acknowledged;
use radial_protocol::grants::Grants;
use radial_protocol::names::EventId;
use radial_protocol::{Code, Problem};
use tokio::task::JoinSet;

use super::operation::OperationId;
use crate::app::App;

/// The most that a client may have on their way at a time.
const PENDING_MAX: usize = 100;

/// What became of one of them.
pub(super) struct Answered {
    pub(super) id: Option<OperationId>,
    pub(super) result: Result<Acknowledged, Problem>,
}

/// Those that are not answered yet.
#[derive(Default)]
pub(super) struct PendingAcks(JoinSet<Answered>);

impl PendingAcks {
    /// Sends one on its way.
    ///
    /// # Errors
    /// `overloaded` if the client does not wait for its answers.
    pub(super) fn begin(
        &mut self,
        app: &Arc<App>,
        id: Option<OperationId>,
        grants: Arc<Grants>,
        ids: Vec<EventId>,
    ) -> Result<(), Problem> {
        if self.0.len() >= PENDING_MAX {
            let detail =
                format!("{PENDING_MAX} acknowledgements of this socket are not stored yet");
            return Err(Problem::new(Code::Overloaded, detail));
        }
        let app = Arc::clone(app);
        self.0.spawn(async move {
            let result = app.hub.acknowledge(&grants, &ids).await;
            Answered { id, result }
        });
        Ok(())
    }

    /// Whether all are answered.
    pub(super) fn is_empty(&self) -> bool {
        self.0.is_empty()
    }

    /// The next that is answered; waits for ever while there is none. Cancel safe.
    pub(super) async fn next(&mut self) -> Answered {
        match self.0.join_next().await {
            Some(Ok(answered)) => answered,
            Some(Err(_)) => {
                let problem = Problem::new(Code::Internal, "the acknowledgement failed");
                Answered { id: None, result: Err(problem) }
            }
            None => std::future::pending().await,
        }
    }
}
