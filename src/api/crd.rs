//! The manifests of the two kinds.

use k8s_openapi::apiextensions_apiserver::pkg::apis::apiextensions::v1::{CustomResourceDefinition, JSON};
use kube::CustomResourceExt;
use serde_json::json;

use super::{WazzupAccount, WazzupChannel};

/// Both CRDs.
pub fn definitions() -> Vec<CustomResourceDefinition> {
    [WazzupAccount::crd(), WazzupChannel::crd()]
        .into_iter()
        .map(with_status_default)
        .collect()
}

/// `(file name, YAML)` of both CRDs, as they stand in `crds/`.
pub fn manifests() -> Result<Vec<(String, String)>, serde_saphyr::ser::Error> {
    definitions()
        .into_iter()
        .map(|definition| {
            Ok((
                format!("{}.yaml", definition.spec.names.plural),
                serde_saphyr::to_string(&definition)?,
            ))
        })
        .collect()
}

/// Without `observedGeneration: -1` kstatus calls a new object done before anybody looked at it.
fn with_status_default(mut definition: CustomResourceDefinition) -> CustomResourceDefinition {
    for version in &mut definition.spec.versions {
        let status = version
            .schema
            .as_mut()
            .and_then(|schema| schema.open_api_v3_schema.as_mut())
            .and_then(|schema| schema.properties.as_mut())
            .and_then(|properties| properties.get_mut("status"));
        if let Some(status) = status {
            status.default = Some(JSON(json!({ "observedGeneration": -1 })));
        }
    }
    definition
}
