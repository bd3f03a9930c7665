//! The HTTP endpoint: metrics for Prometheus, and health.

mod few_clients;

use std::net::SocketAddr;
use std::sync::Arc;

use axum::Router;
use axum::http::{StatusCode, header};
use axum::response::IntoResponse;
use axum::routing::get;
use tokio::net::TcpListener;
use tokio::sync::watch;

use self::few_clients::FewClients;

/// What the endpoint serves from.
pub trait Observed: Send + Sync + 'static {
    /// The page of metrics in Prometheus' text format.
    fn metrics(&self) -> String;

    /// `Ok` while the server does its work, else what is wrong.
    fn health(&self) -> Result<(), String>;
}

/// Serves until `stopping` turns true.
pub async fn serve(listener: TcpListener, observed: Arc<dyn Observed>, mut stopping: watch::Receiver<bool>) {
    let for_health = Arc::clone(&observed);
    let router = Router::new()
        .route("/metrics", get(move || metrics(observed)))
        .route("/healthz", get(move || health(for_health)));
    let stopped = async move {
        let _ = stopping.wait_for(|stopping| *stopping).await;
    };
    let serving = axum::serve(FewClients::new(listener), router).with_graceful_shutdown(stopped);
    if let Err(error) = serving.await {
        tracing::error!(%error, "the metrics endpoint ended");
    }
}

/// Binds the endpoint. A busy port is a warning where the address is the default, and an error where it was chosen.
pub async fn bind(address: SocketAddr, is_default: bool) -> Result<Option<TcpListener>, String> {
    match TcpListener::bind(address).await {
        Ok(listener) => Ok(Some(listener)),
        Err(error) if is_default => {
            tracing::warn!(
                %address, %error,
                "metrics are not served: the default address is taken; choose another with metrics.listener"
            );
            Ok(None)
        }
        Err(error) => Err(format!(
            "cannot serve metrics on {address}: {error}; change metrics.listener or free the port"
        )),
    }
}

async fn metrics(observed: Arc<dyn Observed>) -> impl IntoResponse {
    ([(header::CONTENT_TYPE, "text/plain; version=0.0.4; charset=utf-8")], observed.metrics())
}

async fn health(observed: Arc<dyn Observed>) -> impl IntoResponse {
    match observed.health() {
        Ok(()) => (StatusCode::OK, "ok\n".to_owned()),
        Err(problem) => (StatusCode::SERVICE_UNAVAILABLE, format!("{problem}\n")),
    }
}
