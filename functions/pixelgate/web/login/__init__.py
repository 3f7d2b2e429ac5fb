"""Login to the review site by OpenID Connect or GitHub, and who may look and decide."""
