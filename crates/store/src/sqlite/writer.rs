//! The writer: one thread that commits whatever has queued up as one transaction, so that
//! durability costs one `fsync` a batch, and answers only then.

use std::{
    panic::{AssertUnwindSafe, catch_unwind},
    sync::{
        Arc,
        atomic::{AtomicBool, Ordering},
        mpsc,
    },
    thread::{self, JoinHandle},
};

use rusqlite::Connection;
use tokenbind_binding::{Clock, Random};
use tokenbind_issuer::store::{StoreError, StoreResult};
use tokio::sync::oneshot;

use super::{
    claimed_jtis::{ClaimChanges, ClaimedJtis},
    failure::{DbResult, Failure},
    position::Position,
    write::Write,
};
use crate::cache::{Effect, EndsIndex, Published};

/// So many jobs share a transaction at most.
const MAX_BATCH: usize = 512;

/// A batch is committed when so many looks in a row found nothing more to add. One may have come
/// just before a requester's turn.
const LAST_LOOKS: u32 = 2;

/// What a transaction changed of what is kept in memory.
struct Committed {
    ends: EndsIndex,
    effects: Vec<Effect>,
    claims: ClaimChanges,
}

/// What the writer works with.
pub(crate) struct Writer {
    pub(crate) connection: Connection,
    pub(crate) position: Position,
    pub(crate) claimed: ClaimedJtis,
    pub(crate) published: Arc<Published>,
    pub(crate) clock: Arc<dyn Clock>,
    pub(crate) random: Arc<dyn Random>,
}

/// The thread at work. Dropping it waits until everything that is queued is done.
pub(crate) struct RunningWriter {
    pub(crate) queue: Queue,
    thread: Option<JoinHandle<()>>,
}

impl Drop for RunningWriter {
    fn drop(&mut self) {
        self.queue.stopping.store(true, Ordering::Relaxed);
        // A writer that is gone already needs no telling.
        let _ = self.queue.sender.send(Message::Stop);
        if let Some(thread) = self.thread.take()
            && thread.join().is_err()
        {
            tracing::error!("the writer of the database failed");
        }
    }
}

/// Where jobs wait for the writer.
#[derive(Clone)]
pub(crate) struct Queue {
    sender: mpsc::Sender<Message>,
    stopping: Arc<AtomicBool>,
}

enum Message {
    Do(BoxedJob),
    Stop,
}

impl Queue {
    /// Whether the store is being dropped, so that nothing more should be put in.
    pub(crate) fn is_stopping(&self) -> bool {
        self.stopping.load(Ordering::Relaxed)
    }

    /// Puts in `work`, to be run in a transaction; twice if another job spoils the first one. The
    /// answer comes when its outcome is durable.
    pub(crate) fn submit<T, W>(&self, work: W) -> oneshot::Receiver<StoreResult<T>>
    where
        T: Send + 'static,
        W: FnMut(&mut Write<'_>) -> DbResult<T> + Send + 'static,
    {
        let (reply, answer) = oneshot::channel();
        // If the writer is gone, so is `reply`, and whoever awaits the answer learns of it.
        let _ = self.sender.send(Message::Do(Box::new(Task { work, value: None, reply })));
        answer
    }

    /// Has `work` done and waits for the outcome. It is put in at once, so that nobody carries it along
    /// while waiting.
    pub(crate) fn run<T, W>(&self, work: W) -> impl Future<Output = StoreResult<T>> + use<T, W>
    where
        T: Send + 'static,
        W: FnMut(&mut Write<'_>) -> DbResult<T> + Send + 'static,
    {
        let answer = self.submit(work);
        async move { answer.await.unwrap_or_else(|_| Err(stopped())) }
    }

    /// [`Self::run`] for threads that may block.
    pub(crate) fn run_blocking<T, W>(&self, work: W) -> StoreResult<T>
    where
        T: Send + 'static,
        W: FnMut(&mut Write<'_>) -> DbResult<T> + Send + 'static,
    {
        self.submit(work).blocking_recv().unwrap_or_else(|_| Err(stopped()))
    }
}

/// The answer where there is no writer to answer.
pub(crate) fn stopped() -> StoreError {
    StoreError::Unavailable("the writer has stopped".into())
}

/// Something that waits for the writer.
trait Job: Send {
    /// Does the work in the open transaction.
    fn run(&mut self, write: &mut Write<'_>) -> DbResult<()>;

    /// Tells the outcome of the transaction to whoever waits for it.
    fn answer(self: Box<Self>, outcome: DbResult<()>);
}

type BoxedJob = Box<dyn Job>;

struct Task<T, W> {
    work: W,
    value: Option<T>,
    reply: oneshot::Sender<StoreResult<T>>,
}

impl<T, W> Job for Task<T, W>
where
    T: Send,
    W: FnMut(&mut Write<'_>) -> DbResult<T> + Send,
{
    fn run(&mut self, write: &mut Write<'_>) -> DbResult<()> {
        self.value = Some((self.work)(write)?);
        Ok(())
    }

    fn answer(self: Box<Self>, outcome: DbResult<()>) {
        let answer = match (outcome, self.value) {
            (Ok(()), Some(value)) => Ok(value),
            (Ok(()), None) => Err(stopped()),
            (Err(failure), _) => Err(failure.into()),
        };
        // Nobody waits any more: the caller gave up. What was committed stays committed.
        let _ = self.reply.send(answer);
    }
}

/// Adds what has queued up, and lets those who are about to ask do so first: on a busy machine a
/// larger batch costs each of them less, and on an idle one nobody is waited for. Returns whether
/// the writer is to stop.
fn fill(batch: &mut Vec<BoxedJob>, messages: &mpsc::Receiver<Message>) -> bool {
    let mut fruitless = 0;
    while fruitless < LAST_LOOKS && batch.len() < MAX_BATCH {
        let before = batch.len();
        thread::yield_now();
        while batch.len() < MAX_BATCH
            && let Ok(message) = messages.try_recv()
        {
            match message {
                Message::Do(job) => batch.push(job),
                Message::Stop => return true,
            }
        }
        fruitless = if batch.len() == before { fruitless + 1 } else { 0 };
    }
    false
}

impl Writer {
    /// Starts the thread.
    pub(crate) fn start(self) -> std::io::Result<RunningWriter> {
        let (sender, messages) = mpsc::channel();
        let thread = thread::Builder::new()
            .name("store-writer".into())
            .spawn(move || self.serve(&messages))?;
        let queue = Queue { sender, stopping: Arc::default() };
        Ok(RunningWriter { queue, thread: Some(thread) })
    }

    fn serve(mut self, messages: &mpsc::Receiver<Message>) {
        let mut stop = false;
        while !stop && let Ok(Message::Do(first)) = messages.recv() {
            let mut batch = vec![first];
            stop = fill(&mut batch, messages);
            self.settle(batch);
        }
    }

    /// Runs the batch as one transaction, and if that fails, each job in one of its own: a job that
    /// cannot be done harms no other.
    fn settle(&mut self, mut batch: Vec<BoxedJob>) {
        if batch.len() > 1 {
            match self.attempt(&mut batch) {
                Ok(()) => return batch.into_iter().for_each(|job| job.answer(Ok(()))),
                Err(Failure(error)) => {
                    tracing::warn!(%error, jobs = batch.len(), "a batch failed; trying job by job");
                }
            }
        }
        for mut job in batch {
            let outcome = self.attempt(std::slice::from_mut(&mut job));
            job.answer(outcome);
        }
    }

    /// One transaction with all these jobs. Readers see its effects before anybody gets an answer.
    fn attempt(&mut self, jobs: &mut [BoxedJob]) -> DbResult<()> {
        let before = self.position;
        match self.commit(jobs) {
            Ok(Committed { ends, effects, claims }) => {
                self.claimed.apply(claims);
                self.published.publish(ends, effects, self.position.last);
                Ok(())
            }
            Err(failure) => {
                self.position = before;
                if !self.connection.is_autocommit()
                    && let Err(error) = self.connection.execute_batch("ROLLBACK")
                {
                    tracing::error!(%error, "a transaction could not be rolled back");
                }
                Err(failure)
            }
        }
    }

    fn commit(&mut self, jobs: &mut [BoxedJob]) -> DbResult<Committed> {
        self.connection.prepare_cached("BEGIN IMMEDIATE")?.execute([])?;
        let mut write = Write {
            db: &self.connection,
            published: &self.published,
            clock: &*self.clock,
            random: &*self.random,
            position: &mut self.position,
            ends: EndsIndex::default(),
            effects: Vec::with_capacity(jobs.len()),
            claimed: &self.claimed,
            claim_changes: ClaimChanges::default(),
            connections_forgotten: false,
        };
        for job in jobs {
            // Whatever a panic leaves behind goes with the rollback.
            catch_unwind(AssertUnwindSafe(|| job.run(&mut write)))
                .unwrap_or_else(|_| Err(Failure::unavailable("the store failed within")))?;
        }
        let Write { ends, effects, claim_changes: claims, .. } = write;
        self.connection.prepare_cached("COMMIT")?.execute([])?;
        Ok(Committed { ends, effects, claims })
    }
}
