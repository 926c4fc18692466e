"""The public API, as both clients have it. `tollgate_client.calls` says what each operation sends."""

from tollgate_client import calls
from tollgate_client.seen import Collection, Operation


class Operations:
    """The public API."""

    register = Operation(calls.register)
    login = Operation(calls.login)
    logout = Operation(calls.logout)
    account = Operation(calls.account)

    api_keys = Collection(calls.api_keys)
    create_api_key = Operation(calls.create_api_key)
    change_api_key = Operation(calls.change_api_key)
    rotate_api_key = Operation(calls.rotate_api_key)
    revoke_api_key = Operation(calls.revoke_api_key)

    devices = Collection(calls.devices)
    register_device = Operation(calls.register_device)

    credits = Operation(calls.credits)
    transactions = Collection(calls.transactions)
    transaction_proof = Operation(calls.transaction_proof)
    checkout = Operation(calls.checkout)

    payments = Collection(calls.payments)
    payment = Operation(calls.payment)
    cancel_payment = Operation(calls.cancel_payment)
    payment_refunds = Collection(calls.payment_refunds)
    payment_methods = Collection(calls.payment_methods)
    add_payment_method = Operation(calls.add_payment_method)
    choose_payment_method = Operation(calls.choose_payment_method)
    remove_payment_method = Operation(calls.remove_payment_method)
    auto_top_up = Operation(calls.auto_top_up)
    set_auto_top_up = Operation(calls.set_auto_top_up)

    usage = Operation(calls.usage)
    usage_of_call = Operation(calls.usage_of_call)

    plans = Operation(calls.plans)
    subscribe = Operation(calls.subscribe)
    subscriptions = Collection(calls.subscriptions)
    subscription = Operation(calls.subscription)
    cancel_subscription = Operation(calls.cancel_subscription)
    resume_subscription = Operation(calls.resume_subscription)
    pause_subscription = Operation(calls.pause_subscription)
    change_subscription = Operation(calls.change_subscription)

    licenses = Collection(calls.licenses)
    license = Operation(calls.license)
    explain_license = Operation(calls.explain_license)
    rotate_license_key = Operation(calls.rotate_license_key)
    license_activations = Collection(calls.license_activations)
    end_license_activation = Operation(calls.end_license_activation)
    license_file = Operation(calls.license_file)
    license_public_keys = Operation(calls.license_public_keys)

    call = Operation(calls.paid_call)
