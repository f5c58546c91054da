import json, sys, uuid

def send(**message):
    print(json.dumps({"jsonrpc": "2.0", **message}), flush=True)

for line in sys.stdin:
    request = json.loads(line)
    method, params = request.get("method"), request.get("params")
    if method == "initialize":
        send(id=request["id"], result={"protocolVersion": 1, "agentCapabilities": {}})
    elif method == "session/new":
        send(id=request["id"], result={"sessionId": str(uuid.uuid4())})
    elif method == "session/prompt":
        said = "".join(block.get("text", "") for block in params["prompt"])
        chunk = {"sessionUpdate": "agent_message_chunk", "content": {"type": "text", "text": f"Hello, {said}"}}
        send(method="session/update", params={"sessionId": params["sessionId"], "update": chunk})
        send(id=request["id"], result={"stopReason": "end_turn"})
    elif "id" in request:
        send(id=request["id"], error={"code": -32601, "message": "Method not found"})
