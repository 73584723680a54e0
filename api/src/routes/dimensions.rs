//! `/v1/dimensions`: what reports can be split and filtered by, for those who pick from a list.

use ::schema::Dimension;
use axum::extract::State;
use query::{Dimensions, DimensionsRequest, ReportSpec, Values, ValuesRequest, from_pairs};

use super::reports::{in_time, refuse_small_groups};
use crate::{
    auth::{Caller, Read},
    extract::{Json, Name, Pairs},
    openapi::{DimensionProblems, DimensionsProblems},
    problem::{Kind, Problem},
    state::AppState,
};

/// The dimensions that the caller's messages have values of, with how many have one.
///
/// Those that every account has, its custom fields, and the parts of local time that a split takes.
#[utoipa::path(
    get,
    path = "/v1/dimensions",
    operation_id = "list_dimensions",
    tag = "reports",
    params(DimensionsRequest),
    responses((status = 200, description = "The dimensions.", body = Dimensions), DimensionsProblems)
)]
pub(crate) async fn list(
    caller: Caller<Read>,
    State(state): State<AppState>,
    Pairs(pairs): Pairs,
) -> Result<Json<Dimensions>, Problem> {
    let request: DimensionsRequest = from_pairs(pairs)?;
    let spec = ReportSpec::dimensions_of(&request, state.clock.now())?;
    refuse_small_groups(&caller, &state)?;
    let _entered = state.admission.enter(caller.account())?;
    let as_of = state.ingest.as_of();
    let asking = query::dimensions(&state.clickhouse, caller.account(), &spec, as_of, &state.limits.report);
    let dimensions = in_time(&state, asking).await?;
    Ok(Json(dimensions))
}

/// The values of a dimension, those of most messages first.
///
/// It is what a split by that dimension shows of `queued`, and costs as much.
#[utoipa::path(
    get,
    path = "/v1/dimensions/{dimension}/values",
    operation_id = "list_values",
    tag = "reports",
    params(("dimension" = String, Path, description = "`subject`, `sender`, `sender_domain`, `recipient_domain`, `mailbox_provider`, `campaign` or `field:NAME`.", example = "campaign"), ValuesRequest),
    responses((status = 200, description = "The values.", body = Values), DimensionProblems)
)]
pub(crate) async fn values(
    caller: Caller<Read>,
    State(state): State<AppState>,
    Name(name): Name,
    Pairs(pairs): Pairs,
) -> Result<Json<Values>, Problem> {
    let unknown = |error| Problem::new(Kind::NotFound, format!("{error}"));
    let dimension: Dimension = name.parse().map_err(unknown)?;
    let request: ValuesRequest = from_pairs(pairs)?;
    let spec = ReportSpec::values_of(&dimension, &request, state.clock.now())?;
    refuse_small_groups(&caller, &state)?;
    let _entered = state.admission.enter(caller.account())?;
    let as_of = state.ingest.as_of();
    let asking = query::run(&state.clickhouse, caller.account(), &spec, as_of, &state.limits.report);
    let report = in_time(&state, asking).await?;
    Ok(Json(Values::from(&report)))
}
