"""An S3 server (moto) that checks who asks: prints its address and a user's key as JSON, and ends with its standard input."""

import json
import sys

import boto3
import requests
from moto.moto_server.threaded_moto_server import ThreadedMotoServer

server = ThreadedMotoServer(ip_address="127.0.0.1", port=0, verbose=False)
server.start()
_, port = server.get_host_and_port()
url = f"http://127.0.0.1:{port}"


def client(service):
    return boto3.client(service, endpoint_url=url, region_name="us-east-1", aws_access_key_id="any", aws_secret_access_key="any")


iam = client("iam")
iam.create_user(UserName="worker")
statement = {"Effect": "Allow", "Action": "s3:*", "Resource": "*"}
iam.put_user_policy(
    UserName="worker", PolicyName="bucket", PolicyDocument=json.dumps({"Version": "2012-10-17", "Statement": [statement]})
)
key = iam.create_access_key(UserName="worker")["AccessKey"]
client("s3").create_bucket(Bucket="visionbook")
requests.post(f"{url}/moto-api/reset-auth", data=b"0").raise_for_status()  # from now on every request is checked
print(json.dumps({"url": url, "id": key["AccessKeyId"], "secret": key["SecretAccessKey"]}), flush=True)
sys.stdin.read()
