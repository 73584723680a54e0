//! Postlens: events of sent mail in, exact reports out. This binary is the service and its command line.

mod admission;
mod alerts;
mod allocator;
mod auth;
mod body;
mod cli;
mod config;
mod connection;
mod control;
mod docs;
mod exports;
mod extract;
mod logging;
mod metadata;
mod negotiate;
mod openapi;
mod outgoing;
mod postmaster;
mod problem;
mod request;
mod routes;
mod saved;
mod seal;
mod secret;
mod server;
mod service;
mod sources;
mod state;
mod supervisor;
mod telemetry;
mod token;

fn main() -> std::process::ExitCode {
    cli::main()
}
