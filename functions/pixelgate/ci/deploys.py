"""Reads Netlify and Vercel, which build sites. Neither names a pull request's target."""

from __future__ import annotations

from pixelgate.ci.detected import CiInfo, Variables


def netlify(v: Variables) -> CiInfo:
    """Reads Netlify (docs.netlify.com/build/configure-builds/environment-variables).

    HEAD is the branch that the forge named; BRANCH is what was checked out, such as `pull/5/head`.
    Whether a deploy preview is of a fork is not said.
    """
    deploy, site = v["DEPLOY_ID"], v["SITE_NAME"]
    checked_out = v["BRANCH"] or ""
    page = f"https://app.netlify.com/sites/{site}/deploys/{deploy}"
    return CiInfo(
        vendor="Netlify",
        commit=v["COMMIT_REF"],
        branch=v["HEAD"] or checked_out or None,
        pull_request=v["REVIEW_ID"] if v.has("PULL_REQUEST") else None,
        ci_url=page if site and deploy else None,
        build=deploy,
        run=deploy,
        merge_request=checked_out.startswith("merge-requests/"),
    )


def vercel(v: Variables) -> CiInfo:
    """Reads Vercel (vercel.com/docs/environment-variables/system-environment-variables).

    The number of a pull request is empty if its branch was deployed before it was opened. Whether
    it is of a fork is not said; Vercel deploys forks only if a member allows it.
    """
    deployment, address = v["VERCEL_DEPLOYMENT_ID"], v["VERCEL_URL"]
    return CiInfo(
        vendor="Vercel",
        commit=v["VERCEL_GIT_COMMIT_SHA"],
        branch=v["VERCEL_GIT_COMMIT_REF"],
        pull_request=v["VERCEL_GIT_PULL_REQUEST_ID"],
        ci_url=f"https://{address}/_logs" if address else None,
        build=deployment,
        run=deployment,
        merge_request=v["VERCEL_GIT_PROVIDER"] == "gitlab",
    )
