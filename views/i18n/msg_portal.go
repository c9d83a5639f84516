package i18n

// Words that single pages need beside those of their family.

func (l Lang) RequestsToday() string { return l.pick("Requests today", "今日请求") }
func (l Lang) TotalSpend() string    { return l.pick("Spend in total", "累计支出") }
func (l Lang) SetByBudget(name string) string {
	return l.fill("set by budget %s", "由预算 %s 设定", name)
}

func (l Lang) OwnerModelList() string {
	return l.pick("The owner's model list", "所有者的模型列表")
}

func (l Lang) OrgModelList(name string) string {
	return l.fill("The model list of organization %s", "组织 %s 的模型列表", name)
}

func (l Lang) SeeOnly() string {
	return l.pick("You may see this, but not change it.", "您可以查看，但不能修改。")
}

func (l Lang) LowerOnly() string {
	return l.pick("You may lower this. Only admins can raise it.", "您可以调低，只有管理员可以调高。")
}
func (l Lang) NothingChosen() string { return l.pick("No keys were chosen", "没有选择密钥") }
func (l Lang) TooManyChosen(n int64) string {
	return l.fill("Choose at most %s keys at once", "一次最多选择 %s 个密钥", l.Number(n))
}

func (l Lang) TooManyRows(n int64) string {
	return l.fill("The list has more than %s rows. Filter it first.", "列表超过 %s 行，请先筛选。", l.Number(n))
}

// Words of the audit log.
func (l Lang) MasterKey() string { return l.pick("Master key", "主密钥") }

func (l Lang) WasRefused(what string) string {
	return l.fill("was refused: %s", "被拒绝：%s", what)
}
func (l Lang) DidAddMember() string    { return l.pick("added a member to", "添加了成员") }
func (l Lang) DidChangeMember() string { return l.pick("changed a member of", "修改了成员") }
func (l Lang) DidRemoveMember() string { return l.pick("removed a member from", "移除了成员") }
func (l Lang) ChangedByClaim() string  { return l.pick("Claimed to act for", "声称代表") }

// Words of the account page.
func (l Lang) SingleSignOn() string { return l.pick("Single sign-on", "单点登录") }

func (l Lang) OperatorAccount() string {
	return l.pick("This account is set up in the environment.", "此账户在环境变量中设置。")
}

func (l Lang) OwnedBySSO() string {
	return l.pick("Comes from your single sign-on.", "来自您的单点登录。")
}
func (l Lang) UnknownDevice() string { return l.pick("Unknown device", "未知设备") }
func (l Lang) BrowserOn(browser, system string) string {
	return l.fill("%s on %s", "%[2]s 上的 %[1]s", browser, system)
}
func (l Lang) ToastSessionEnded() string { return l.pick("Session ended.", "会话已结束。") }
func (l Lang) ToastOthersEnded() string {
	return l.pick("You are signed out everywhere else.", "您在其他位置已退出登录。")
}

// Words of the team pages.
func (l Lang) MemberDefault(amount string) string {
	return l.fill("Empty: %s, as for each member.", "留空：%s，与其他成员相同。", amount)
}

func (l Lang) NotYourself() string {
	return l.pick("Another admin has to do this for you.", "需由另一位管理员为您操作。")
}

func (l Lang) ErrTwice() string {
	return l.pick("this address stands here twice", "此邮箱出现了两次")
}

func (l Lang) ErrNotUTF8() string {
	return l.pick("Save the file as UTF-8.", "请将文件保存为 UTF-8。")
}

// Words of the usage pages.
func (l Lang) UpdatedNow() string { return l.pick("just now", "刚刚") }

func (l Lang) ErrRangeBackwards() string {
	return l.pick("The range ends before it begins.", "结束日期早于开始日期。")
}

func (l Lang) ErrRangeLong(days int64) string {
	return l.fill("A range has at most %s.", "时间范围最多 %s。", l.Days(days))
}
func (l Lang) CachedShare() string { return l.pick("Share of tokens in", "占输入词元") }
func (l Lang) SavedPer(step string) string {
	return l.fill("Saved per %s", "每%s节省", step)
}

// Words of the logs.
func (l Lang) StatusCancelled() string { return l.pick("Cancelled", "已取消") }

func (l Lang) PromptRead(tokens string) string {
	return l.fill("Prompt %s", "提示 %s", tokens)
}
func (l Lang) AtLeast(what string) string { return l.fill("at least %s", "至少 %s", what) }
func (l Lang) EndUser() string            { return l.pick("End user", "最终用户") }
func (l Lang) CountedHere() string {
	return l.pick("counted here, not by the provider", "由网关计数，非供应商")
}
func (l Lang) SessionLabel() string { return l.pick("Session", "会话") }

// Words of the model pages.
func (l Lang) MaxOutput() string { return l.pick("Longest answer", "最长回答") }

func (l Lang) KeyKept() string {
	return l.pick("Leave it empty to keep what is stored.", "留空则保持已存储的值。")
}

func (l Lang) ErrModelName() string {
	return l.pick("Give the model a public name.", "请填写公开名称。")
}

func (l Lang) ErrAddress() string {
	return l.pick("Enter an address that starts with https://.", "请输入以 https:// 开头的地址。")
}

// Words of the budget pages.
func (l Lang) BudgetUses(n int64) string {
	return l.count(n, "%s key, member or customer", "%s keys, members or customers", "%s 个密钥、成员或客户")
}

func (l Lang) BudgetGone() string {
	return l.pick("This budget does not exist.", "此预算不存在。")
}

func (l Lang) NameStays() string {
	return l.pick("The name cannot be changed.", "名称无法修改。")
}

func (l Lang) ErrBudgetName() string {
	return l.pick("Give the budget a name.", "请为预算命名。")
}

// Words of the playground.
func (l Lang) WithoutKey() string { return l.pick("Without a key", "不使用密钥") }

func (l Lang) ErrMessage() string { return l.pick("Write a message first.", "请先输入消息。") }

func (l Lang) ErrTemperature() string {
	return l.pick("Enter a temperature from 0 to 2.", "请输入 0 到 2 之间的温度。")
}

func (l Lang) PlayNote(tokens, cost, took string) string {
	return l.fill("%s tokens · %s · %s", "%s 词元 · %s · %s", tokens, cost, took)
}
