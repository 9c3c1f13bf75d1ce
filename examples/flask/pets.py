"""A pet store in Flask behind doorward. See README.md."""

from flask import Flask, g, jsonify, request

from doorward import Doorward, Principal

app = Flask(__name__)
door = Doorward().flask(app)


@app.get("/pets")
@door.require("api_key or jwt or session", scopes="read:pets")
def pets():
    return jsonify(pets=["Rex", "Mia"], caller=g.principal.subject)


@app.post("/pets")
@door.require("api_key or hmac or session", scopes="write:pets")
def add(principal: Principal):
    return jsonify(added=request.get_json()["name"], caller=principal.subject), 201


@app.post("/hooks/orders")
@door.require("webhook", webhook="shop")
def orders():
    return jsonify(order=request.get_json(), caller=g.principal.subject)


@app.get("/")
def open_to_anyone():
    return "A pet store. Ask for /pets with a key."
