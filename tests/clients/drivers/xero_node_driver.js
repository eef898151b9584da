// Drives xero-node, Xero's official client for Node.js, from a folder of its own: xero_node_driver.js PLAN RESULT.
"use strict";

const fs = require("node:fs");
const { XeroClient } = require("xero-node");

const [planFile, resultFile] = process.argv.slice(2);
const env = process.env;
const tenant = env.XERO_TENANT_ID;
const PAGE = 200;

// The library gets a token from Xero's fixed address; its API classes, though, take another base.
async function signedIn() {
  const login = Buffer.from(`${env.XERO_CLIENT_ID}:${env.XERO_CLIENT_SECRET}`).toString("base64");
  const answer = await fetch(env.XERO_TOKEN_URL, {
    method: "POST",
    headers: { Authorization: `Basic ${login}`, "Content-Type": "application/x-www-form-urlencoded" },
    body: new URLSearchParams({ grant_type: "client_credentials", scope: env.XERO_SCOPES }),
  });
  if (!answer.ok) throw new Error(`no token: ${answer.status} ${await answer.text()}`);
  const xero = new XeroClient();
  xero.setTokenSet(await answer.json());
  xero.accountingApi.basePath = env.XERO_BASE_URL;
  return xero.accountingApi;
}

// The library calls fields lineAmount, Xero LineAmount.
function written(value) {
  if (Array.isArray(value)) return value.map(written);
  if (value === null || typeof value !== "object") return value;
  return Object.fromEntries(
    Object.entries(value).map(([name, one]) => [name[0].toLowerCase() + name.slice(1), written(one)]),
  );
}

function chosen(row, names) {
  const pairs = names.map((name) => [name, row[name[0].toLowerCase() + name.slice(1)]]);
  return Object.fromEntries(pairs.filter(([, value]) => value !== undefined));
}

function shown(journal) {
  const lines = (journal.journalLines || []).map((one) =>
    chosen(one, ["LineAmount", "AccountCode", "Description", "TaxType"]),
  );
  return { ...chosen(journal, ["ManualJournalID", "Narration", "Date", "Status"]), JournalLines: lines };
}

// Page after page, up to the first that is short.
async function pages(read, size) {
  const found = [];
  do {
    found.push(await read(found.length + 1, size));
  } while (found.at(-1).length === size);
  return found.filter((page) => page.length);
}

async function writes(api, plan) {
  const body = { manualJournals: written(plan.good) };
  const ids = (answer) => answer.body.manualJournals.map((one) => one.manualJournalID);
  const good = ids(await api.createManualJournals(tenant, body, false, "good"));
  const again = ids(await api.createManualJournals(tenant, body, false, "good"));
  const mixed = await api.createManualJournals(tenant, { manualJournals: written(plan.mixed) }, false);
  const changed = ids(
    await api.updateManualJournal(tenant, good[0], { manualJournals: [written(plan.changed)] }),
  )[0];
  const draft = (await api.getManualJournal(tenant, good[1])).body.manualJournals[0];
  draft.status = "DELETED";
  const deleted = await api.updateOrCreateManualJournals(tenant, { manualJournals: [draft] }, false);
  return {
    good,
    again,
    changed,
    mixed: mixed.body.manualJournals.map((one) => {
      const errors = (one.validationErrors || []).map((error) => error.message);
      return { id: errors.length ? null : one.manualJournalID, errors };
    }),
    deleted: deleted.body.manualJournals[0].status,
  };
}

async function main(plan) {
  const api = await signedIn();
  const result = { written: await writes(api, plan) };
  const [organisation] = (await api.getOrganisations(tenant)).body.organisations;
  result.organisation = chosen(organisation, ["OrganisationID", "Name", "BaseCurrency", "CountryCode"]);
  result.accounts = (await api.getAccounts(tenant)).body.accounts.map((one) => ({
    Code: "",
    ...chosen(one, ["AccountID", "Code", "Name", "Type", "Status", "TaxType"]),
  }));
  const categories = (await api.getTrackingCategories(tenant)).body.trackingCategories;
  result.categories = Object.fromEntries(
    categories.map((one) => [one.name, one.options.map((option) => option.name)]),
  );
  const journals = async (since, where, page, size) => {
    const answer = await api.getManualJournals(tenant, since, where, undefined, page, size);
    return answer.body.manualJournals.map(shown);
  };
  result.pages = await pages((page, size) => journals(undefined, undefined, page, size), plan.page_size);
  result.unpaged = await journals();
  result.since = await journals(new Date(plan.since));
  result.named = await journals(undefined, 'Narration=="Earlier 3"', 1);
  const first = result.unpaged.find((one) => one.Narration === "Earlier 1").ManualJournalID;
  result.single = shown((await api.getManualJournal(tenant, first)).body.manualJournals[0]);
  const history = (await api.getManualJournalsHistory(tenant, first)).body.historyRecords;
  result.history = history.map((one) => one.changes);
  const none = undefined;
  const lists = {
    Payments: (page, size) => api.getPayments(tenant, none, none, none, page, size),
    Invoices: (page, size) =>
      api.getInvoices(tenant, none, none, none, none, none, none, none, page, none, none, none, none, size),
    Contacts: (page, size) => api.getContacts(tenant, none, none, none, none, page, none, none, none, size),
    BankTransactions: (page, size) => api.getBankTransactions(tenant, none, none, none, page, none, size),
    CreditNotes: (page, size) => api.getCreditNotes(tenant, none, none, none, page, none, size),
    Overpayments: (page, size) => api.getOverpayments(tenant, none, none, none, page, none, size),
    Prepayments: (page, size) => api.getPrepayments(tenant, none, none, none, page, none, size),
  };
  result.lists = {};
  for (const [name, fields] of Object.entries(plan.lists)) {
    const key = name[0].toLowerCase() + name.slice(1);
    const read = async (page, size) => (await lists[name](page, size)).body[key];
    const rows = (await pages(read, PAGE)).flat();
    result.lists[name] = rows.map((row) => {
      const found = chosen(row, fields);
      // The library's types of payments and the like are enumerations with the names that Xero has.
      return Object.fromEntries(Object.entries(found).map(([field, value]) => [field, value?.value ?? value]));
    });
  }
  return result;
}

main(JSON.parse(fs.readFileSync(planFile, "utf8")))
  .then((result) => fs.writeFileSync(resultFile, JSON.stringify(result)))
  .catch((error) => {
    console.error(error instanceof Error ? error.stack : error);
    process.exitCode = 1;
  });
