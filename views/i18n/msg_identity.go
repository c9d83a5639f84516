package i18n

// Words of signing in through a provider, second factors and mail.

func (l Lang) SSODebugResult() string {
	return l.pick("What a sign-in would do", "登录后会发生什么")
}

func (l Lang) SSODebugRefused(reason string) string {
	return l.fill("A sign-in would be refused: %s", "登录会被拒绝：%s", reason)
}
func (l Lang) SSOAccount() string    { return l.pick("Account", "账户") }
func (l Lang) SSONewAccount() string { return l.pick("a new one is created", "将创建新账户") }
func (l Lang) SSOJoins() string      { return l.pick("Teams of the groups", "群组对应的团队") }

func (l Lang) SSOMakes() string { return l.pick("Teams that would be created", "将创建的团队") }

func (l Lang) SSOSkips() string {
	return l.pick("Groups that are no team", "没有对应团队的群组")
}

func (l Lang) SSOFailed(provider string) string {
	return l.fill("Sign-in with %s failed.", "使用 %s 登录失败。", provider)
}
