"""The story in curl, ready to paste: register, be refused, pay, get a key, call, see the credits go down."""

FIELD = """python3 -c 'import json,sys; print(json.load(sys.stdin)["{}"])'"""
JSON = "-H 'Content-Type: application/json'"


def story(gateway: str) -> str:
    """Bash and zsh understand it, and sh; it can be pasted twice, for each time is another customer."""
    steps = [
        ("Register", _register(gateway)),
        ("A key is refused: 402, 5,000 credits are needed", _key_refused(gateway)),
        ("Buy 5,000 credits ($5)", _checkout(gateway)),
        (
            "Pay: open this address in a browser (card 4242 4242 4242 4242), or post the form",
            _pay(),
        ),
        ("Two seconds later the key is granted", _key(gateway)),
        ("Call a paid API: 1 credit", _call(gateway)),
        ("See the credits", _credits(gateway)),
    ]
    return "\n".join(f"# {number}. {title}\n{lines}" for number, (title, lines) in enumerate(steps, 1))


def _register(gateway: str) -> str:
    body = r'''"{\"email\": \"ada$(date +%s)@example.com\", \"password\": \"correct horse battery staple\"}"'''
    return f"TOKEN=$(curl -s {gateway}/api/v1/auth/register {JSON} \\\n  -d {body} | {FIELD.format('token')})"


def _key_refused(gateway: str) -> str:
    return (
        f"""curl -s {gateway}/api/v1/auth/api-key -H "Authorization: Bearer $TOKEN" \\\n"""
        f"""  {JSON} -d '{{"name": "first"}}'; echo"""
    )


def _checkout(gateway: str) -> str:
    return (
        f"""PAGE=$(curl -s {gateway}/api/v1/credits/checkout -H "Authorization: Bearer $TOKEN" \\\n"""
        f"""  {JSON} -d '{{"credits": 5000}}' | {FIELD.format("checkout_url")}); echo "$PAGE\""""
    )


def _pay() -> str:
    return (
        """curl -s -o /dev/null -w 'paid: %{http_code}\\n' "$PAGE" """
        """-d number=4242424242424242 \\\n  -d exp=12/34 -d cvc=123 -d name=Ada; sleep 2"""
    )


def _key(gateway: str) -> str:
    return (
        f"""KEY=$(curl -s {gateway}/api/v1/auth/api-key -H "Authorization: Bearer $TOKEN" \\\n"""
        f"""  {JSON} -d '{{"name": "first"}}' | {FIELD.format("key")}); echo "$KEY\""""
    )


def _call(gateway: str) -> str:
    return f"""curl -si "{gateway}/proxy/echo/hello?to=you" -H "Authorization: Bearer $KEY"; echo"""


def _credits(gateway: str) -> str:
    return f"""curl -s {gateway}/api/v1/credits -H "Authorization: Bearer $KEY"; echo"""
