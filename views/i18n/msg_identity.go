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

// Setting a new password by a link.

func (l Lang) PasswordSetTitle() string { return l.pick("Your password is set", "密码已设置") }

func (l Lang) PasswordSetText() string {
	return l.pick("You are signed out everywhere. Sign in with the new password.", "您已在所有设备上退出，请使用新密码登录。")
}

func (l Lang) ResetLinkText() string {
	return l.pick("It was used, has expired, or a newer one was sent. A link works once, for 30 minutes.", "链接已使用、已过期，或已有更新的链接。每个链接 30 分钟内可用一次。")
}

func (l Lang) ResetLinkTitle() string {
	return l.pick("This link does not work any more", "此链接已失效")
}

func (l Lang) ResetOff() string {
	return l.pick("This gateway sends no mail. Ask your admin for a new invitation link.", "此网关不发送邮件，请向管理员索取新的邀请链接。")
}
