//! The life of the reserved worker, which runs prompt handlers only.

use std::sync::Arc;
use std::time::Instant;

use crate::engine::connection::{ClientConnection, Verdict};
use crate::engine::pool::Pool;
use crate::engine::service::context::WorkerContext;
use crate::engine::service::costs::Runs;
use crate::engine::service::handle::WorkerHandle;
use crate::sync::catch;

/// Works until the worker has been without work for `thread_idle_timeout`, or the server is over.
pub(super) fn work(pool: &Arc<Pool>, handle: &Arc<WorkerHandle>) {
    let mut context = context(pool, handle);
    loop {
        // A bug in the engine must not cost the worker.
        match catch(|| run(pool, handle, &mut context)) {
            Ok(()) => return,
            Err(_) => {
                log::error!("the thread of prompt requests panicked; its connection was closed, the thread continues");
                handle.rest();
                pool.parking.give_up(context.slot);
                context = self::context(pool, handle);
            }
        }
    }
}

fn context(pool: &Arc<Pool>, handle: &Arc<WorkerHandle>) -> WorkerContext {
    let mut context = WorkerContext::new(Arc::clone(pool.service()), Arc::clone(&handle.counters));
    context.handle = Some(Arc::clone(handle));
    context.duty.runs = Runs::Prompt;
    context
}

fn run(pool: &Arc<Pool>, handle: &Arc<WorkerHandle>, context: &mut WorkerContext) {
    loop {
        while let Some(connection) = pool.queue.take_prompt() {
            serve(pool, connection, context);
        }
        if pool.is_over() {
            return;
        }
        context.tidy();
        context.meter.rest();
        context.renew();
        if !pool.threads.wait_in_reserve(handle, context.config.thread_idle_timeout) {
            return;
        }
    }
}

/// Runs the handlers of a connection's prompt request and of pipelined prompt ones.
fn serve(pool: &Arc<Pool>, mut connection: Box<ClientConnection>, context: &mut WorkerContext) {
    if pool.is_over() {
        // A stop has cut this request.
        return pool.part_with(connection);
    }
    context.renew();
    context.duty.turn();
    let peer = connection.client.peer.as_ref();
    context.take_up(&connection.transport.stream, peer, connection.slot, Instant::now());
    let verdict = connection.advance(context);
    // From here on another thread may take the connection.
    context.lay_down();
    let ready = match verdict {
        Verdict::Park => pool.park_unless_ready(connection, &context.config),
        Verdict::Again | Verdict::Unsent | Verdict::Work => Some(connection),
        Verdict::Close => return pool.parking.close_one(connection),
        Verdict::Upgrade(serve) => return pool.upgrade(connection, serve),
    };
    if let Some(connection) = ready {
        // This worker may not run the next handler.
        pool.ready.push(connection);
        pool.call_reactor();
    }
}
