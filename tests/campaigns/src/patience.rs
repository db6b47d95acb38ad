//! An administrator's calls to an API server that hundreds of lives share.

use control_plane::eventually;

/// An administrator's call, again while it fails: a machine with hundreds of lives lets some of them wait too long.
pub(crate) async fn patiently<T, E: std::fmt::Display, F: Future<Output = Result<T, E>>>(
    what: &str,
    call: impl Fn() -> F,
) -> T {
    eventually(what, crate::life::PATIENCE, || {
        let call = call();
        async move { call.await.map_err(|error| error.to_string()) }
    })
    .await
}

/// Something that an earlier try has made is there.
pub(crate) async fn made<T>(create: impl Future<Output = Result<T, kube::Error>>) -> Result<(), kube::Error> {
    match create.await {
        Ok(_) => Ok(()),
        Err(kube::Error::Api(status)) if status.code == 409 => Ok(()),
        Err(error) => Err(error),
    }
}

/// Something that is not there has been deleted.
pub(crate) async fn gone<T>(delete: impl Future<Output = Result<T, kube::Error>>) -> Result<(), kube::Error> {
    match delete.await {
        Ok(_) => Ok(()),
        Err(kube::Error::Api(status)) if status.code == 404 => Ok(()),
        Err(error) => Err(error),
    }
}
