"""The only public door: accounts, sessions and API keys, limits and bans, metering and forwarding."""
