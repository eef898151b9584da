"""The payments flow: what is paid in Xero arrives in Infor LN, once."""
