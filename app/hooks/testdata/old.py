async def user_api_key_auth(request, api_key):
    raise Exception
