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

// Second factors.

func (l Lang) ScanQR() string {
	return l.pick("Scan this with your authenticator app, or enter the setup key.", "用身份验证器应用扫描二维码，或输入设置密钥。")
}

func (l Lang) QRLabel() string {
	return l.pick("QR code with the setup key", "包含设置密钥的二维码")
}

func (l Lang) RecoveryCodes() string { return l.pick("Recovery codes", "恢复代码") }
func (l Lang) RecoveryCode() string  { return l.pick("Recovery code", "恢复代码") }
func (l Lang) RecoveryCodesText() string {
	return l.pick("Keep them where your phone is not. Each works once in place of a code; they are not shown again.", "请保存在手机以外的地方。每个代码可代替验证码使用一次，之后不再显示。")
}

func (l Lang) RecoveryCodeLead() string {
	return l.pick("Enter one of the recovery codes that you kept. It works once.", "输入您保存的一个恢复代码，只能使用一次。")
}

func (l Lang) UseRecoveryCode() string { return l.pick("Use a recovery code", "使用恢复代码") }
func (l Lang) UseApp() string          { return l.pick("Use the app", "使用应用") }
func (l Lang) SavedMyCodes() string    { return l.pick("I saved my codes", "我已保存代码") }
func (l Lang) NewRecoveryCodes() string {
	return l.pick("New recovery codes", "生成新的恢复代码")
}

func (l Lang) SetUpTwoStep() string { return l.pick("Set up a second factor", "设置双重验证") }

func (l Lang) SetUpTwoStepLead() string {
	return l.pick("Your role needs a code from an authenticator app besides the password.", "您的角色除密码外还需要身份验证器应用的验证码。")
}
func (l Lang) TurnOnAndSignIn() string { return l.pick("Turn on and sign in", "开启并登录") }
func (l Lang) TwoStepIsOn() string {
	return l.pick("Your second factor is on", "双重验证已开启")
}

func (l Lang) FactorSince(day string) string {
	return l.fill("On since %s.", "自 %s 起开启。", day)
}

func (l Lang) RecoveryLeft(n int) string {
	if l == ZH {
		return l.fill("", "剩余 %s 个恢复代码。", l.Number(int64(n)))
	}
	switch n {
	case 0:
		return "No recovery code is left."
	case 1:
		return "1 recovery code is left."
	}
	return l.Number(int64(n)) + " recovery codes are left."
}

func (l Lang) FactorRequired() string {
	return l.pick("Your role needs a second factor, so it cannot be turned off.", "您的角色必须使用双重验证，因此无法关闭。")
}
func (l Lang) ResetFactor() string { return l.pick("Reset second factor", "重置双重验证") }
func (l Lang) ToastFactorReset(name string) string {
	return l.fill("%s signs in without a second factor now.", "%s 现在登录无需双重验证。", name)
}

func (l Lang) ToastFactorOff() string {
	return l.pick("The second factor is off.", "双重验证已关闭。")
}

func (l Lang) SignInOver() string {
	return l.pick("This sign-in has taken too long. Begin again.", "登录超时，请重新开始。")
}
