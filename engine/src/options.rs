//! What the engine can be told at its start.

use std::{net::SocketAddr, num::NonZeroUsize, path::PathBuf, time::Duration};

use clap::Args;

use crate::EngineError;

/// Options of the embedded ClickHouse.
#[derive(Debug, Clone, Args)]
pub struct Options {
    /// Directory of the data; created if it does not exist
    #[arg(long, value_name = "DIR")]
    pub path: PathBuf,
    /// The libchdb.so to load [default: the one that `make setup` fetched]
    #[arg(long, value_name = "FILE")]
    pub library: Option<PathBuf>,
    /// Unix socket to listen on; a stale one is replaced
    #[arg(long, value_name = "FILE", required_unless_present = "tcp")]
    pub socket: Option<PathBuf>,
    /// Loopback address to listen on, such as 127.0.0.1:8123; port 0 takes a free one
    #[arg(long, value_name = "ADDRESS")]
    pub tcp: Option<SocketAddr>,
    /// Queries that run at the same time
    #[arg(long, value_name = "COUNT", default_value = "8")]
    pub connections: NonZeroUsize,
    /// Longest wait for a free connection, in milliseconds
    #[arg(long, value_name = "MS", default_value_t = 10_000)]
    pub max_wait_ms: u64,
    /// Most memory of the engine, in bytes [default: the engine's own, a share of the machine's]
    #[arg(long, value_name = "BYTES")]
    pub memory_limit: Option<u64>,
    /// Most memory of one query, in bytes; a query may ask for another with `max_memory_usage` [default: half of --memory-limit]
    #[arg(long, value_name = "BYTES")]
    pub query_memory_limit: Option<u64>,
    /// Longest time of one query, in seconds; a query may ask for another with `max_execution_time`; 0 for no limit
    #[arg(long, value_name = "SECONDS", default_value_t = 300)]
    pub query_time_limit: u64,
    /// Threads of one query [default: the machine's cores]
    #[arg(long, value_name = "COUNT")]
    pub query_threads: Option<NonZeroUsize>,
    /// Exit when standard input ends: with a pipe from the parent process, when that dies
    #[arg(long)]
    pub exit_with_stdin: bool,
}

impl Options {
    pub(crate) fn max_wait(&self) -> Duration {
        Duration::from_millis(self.max_wait_ms)
    }

    pub(crate) fn validate(&self) -> Result<(), EngineError> {
        match (&self.socket, self.tcp) {
            (_, Some(address)) if !address.ip().is_loopback() => Err(EngineError::NotLoopback { address }),
            (None, None) => Err(EngineError::NoListener),
            _ => Ok(()),
        }
    }

    /// The arguments of a connection. Those of the first one configure the engine.
    pub(crate) fn arguments(&self) -> Vec<String> {
        let mut arguments = vec![
            format!("--path={}", self.path.display()),
            // As a server, which has no statements without SELECT, inserts at once, and here keeps to UTC on any machine.
            "--implicit_select=0".to_owned(),
            "--async_insert=0".to_owned(),
            "--session_timezone=UTC".to_owned(),
            format!("--max_execution_time={}", self.query_time_limit),
            // A merge uses one core: half of them merge, so that inserts and reports are not kept waiting.
            format!("--background_pool_size={}", (cores() / 2).max(1)),
            "--background_merges_mutations_concurrency_ratio=1".to_owned(),
            // And it yields to them: when the processors are busy, merging waits for a pause.
            "--os_threads_nice_value_merge_mutate=15".to_owned(),
        ];
        if let Some(limit) = self.memory_limit {
            arguments.push(format!("--max_server_memory_usage={limit}"));
            // The default, 5 GiB, is meant for servers.
            arguments.push(format!("--mark_cache_size={}", limit / 8));
        }
        let query_memory = self.query_memory_limit.or(self.memory_limit.map(|limit| limit / 2));
        arguments.extend(query_memory.map(|limit| format!("--max_memory_usage={limit}")));
        arguments.extend(self.query_threads.map(|count| format!("--max_threads={count}")));
        arguments
    }
}

fn cores() -> usize {
    std::thread::available_parallelism().map_or(1, NonZeroUsize::get)
}
