async def test_boots(settings_for):
    import httpx
    from services.gateway.app import create_app
    from tests.support.http import running, eventually

    app = create_app(settings_for("gateway"))
    async with running(app) as url, httpx.AsyncClient(base_url=url) as c:
        r = await c.get("/ping")
        print(r.status_code, r.text)
        assert r.status_code == 200
        await eventually(lambda: app.state.service.feed.is_current)
        assert await app.state.service.keys.find("whatever") is None
