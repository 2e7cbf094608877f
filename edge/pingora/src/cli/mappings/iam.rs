//! `verge mappings iam`: what AWS must permit, as policies to copy.

use super::{Exit, Failure, Outcome, print_json};
use crate::cli::{ConfigArg, config};
use clap::ValueEnum;
use serde_json::{Value as Json, json};
use verge_config::{Table, TableSource};
use verge_mappings::{
    OWN_PARTITION,
    source::dynamodb::{READ_ACTIONS, TRANSACTION_ACTIONS},
};

/// Print the IAM policy that a node, a writer or the one who makes the table needs.
///
/// One statement for each DynamoDB table of the configuration. Writers are held to APIs by the leading key of the Verge
/// layout; a table in the sample layout has no such key, so its writers write all of it.
#[derive(Debug, clap::Args)]
#[command(after_help = "Examples:
  verge mappings iam -c verge.toml                            what every node needs: reading
  verge mappings iam -c verge.toml --role writer --api orders one API's rows
  verge mappings iam -c verge.toml --role operator            all rows, freeze and accept
  verge mappings iam -c verge.toml --role init --account 123456789012

Exit codes: 0 printed; 1 no DynamoDB table is configured; 64 usage; 78 configuration")]
pub(super) struct Args {
    #[command(flatten)]
    config: ConfigArg,
    /// Who the policy is for.
    #[arg(long, value_enum, default_value_t = Role::Serve)]
    role: Role,
    /// With `--role writer`: the APIs whose rows may be written; may be repeated.
    #[arg(long = "api", value_name = "API", required_if_eq("role", "writer"))]
    apis: Vec<String>,
    /// The AWS account; default: any, to be filled in.
    #[arg(long, value_name = "ID", default_value = "*")]
    account: String,
    /// The AWS partition: `aws`, `aws-cn`, `aws-us-gov`.
    #[arg(long, value_name = "NAME", default_value = "aws")]
    partition: String,
}

/// Who a policy is for.
#[derive(Debug, Clone, Copy, PartialEq, Eq, ValueEnum)]
enum Role {
    /// A node: `verge serve`, and every command that only looks.
    Serve,
    /// A team: the rows of its APIs.
    Writer,
    /// All rows, `freeze` and `accept`.
    Operator,
    /// Whoever runs `verge mappings init`.
    Init,
}

pub(super) fn run(args: &Args) -> Outcome {
    let config = config::load(&args.config.config)?;
    let own = config.apis.iter().filter_map(|api| api.table.as_ref());
    let arns: Vec<String> = config.table.iter().chain(own).filter_map(|table| arn(table, args)).collect();
    if arns.is_empty() {
        let reason = "no table with `source = \"dynamodb\"` is configured: IAM has no say in the others";
        return Err(Failure::new(Exit::Failed, reason));
    }
    let statement =
        |sid: &str, actions: &[&str]| json!({"Sid": sid, "Effect": "Allow", "Action": actions, "Resource": arns});
    let mut statements = vec![statement("VergeReads", &READ_ACTIONS)];
    match args.role {
        Role::Serve => {}
        Role::Writer => {
            let mut writes = statement("VergeWritesItsApis", &TRANSACTION_ACTIONS);
            // Every write also counts up `#generation`, which stands in Verge's own partition.
            set(&mut writes, json!({"ForAllValues:StringEquals": {"dynamodb:LeadingKeys": args.apis}}));
            let mut counts = statement("VergeCountsGenerations", &["dynamodb:UpdateItem"]);
            // Nothing but the number: `#control` stands there, too.
            let number = json!({
                "dynamodb:LeadingKeys": [OWN_PARTITION],
                "dynamodb:Attributes": ["api", "version", "generation"],
            });
            set(&mut counts, json!({"ForAllValues:StringEquals": number}));
            statements.extend([writes, counts]);
        }
        Role::Operator => {
            statements.push(statement("VergeWrites", &[&TRANSACTION_ACTIONS[..], &["dynamodb:UpdateItem"]].concat()))
        }
        Role::Init => {
            statements.push(statement("VergeCreates", &["dynamodb:CreateTable", "dynamodb:UpdateContinuousBackups"]))
        }
    }
    print_json(&json!({"Version": "2012-10-17", "Statement": statements}))?;
    Ok(Exit::Ok)
}

fn set(statement: &mut Json, condition: Json) {
    if let Json::Object(members) = statement {
        members.insert("Condition".to_owned(), condition);
    }
}

fn arn(table: &Table, args: &Args) -> Option<String> {
    let TableSource::Dynamodb { name, region, .. } = &table.source else { return None };
    let region = region.as_deref().unwrap_or("*");
    Some(format!("arn:{}:dynamodb:{region}:{}:table/{name}", args.partition, args.account))
}
