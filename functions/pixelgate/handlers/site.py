"""temporary"""
import json, os
import boto3
from pixelgate.handlers.web_events import request_of
def handler(event, context):
    if event["rawPath"] == "/raise": raise ValueError("secret words")
    if event["rawPath"] == "/big": return {"statusCode": 200, "body": "x"*6_300_000}
    r = request_of(event, os.environ.get("PIXELGATE_SITE_URL", ""))
    out = {"event": event, "path": r.path, "origin": r.origin, "query": dict(r.query), "cookies": dict(r.cookies), "site": os.environ.get("PIXELGATE_SITE")}
    try: out["ssm"] = boto3.client("ssm").get_parameter(Name=os.environ["PIXELGATE_SITE_PARAMETER"], WithDecryption=True)["Parameter"]["Value"]
    except Exception as e: out["ssm"] = repr(e)
    try: boto3.client("ssm").get_parameter(Name="/other", WithDecryption=True)
    except Exception as e: out["ssm2"] = repr(e)
    s3 = boto3.client("s3"); B = os.environ["PIXELGATE_BUCKET"]
    for name, kw in {"plain": {}, "once": {"IfNoneMatch": "*"}}.items():
        try: s3.put_object(Bucket=B, Key="reviews/a/b/1.json", Body=b"{}", **kw); out[name] = "ok"
        except Exception as e: out[name] = repr(e)
    try: s3.put_object(Bucket=B, Key="builds/a/b/1.json", Body=b"{}", IfNoneMatch="*"); out["builds"] = "ok"
    except Exception as e: out["builds"] = repr(e)
    out["signed"] = s3.generate_presigned_url("get_object", Params={"Bucket": B, "Key": "images/x"}, ExpiresIn=60)
    return {"statusCode": 200, "headers": {"content-type": "application/json"}, "cookies": ["a=1; Secure", "b=2"], "body": json.dumps(out)}
