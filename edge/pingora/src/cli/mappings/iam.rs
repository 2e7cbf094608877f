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
/// It names the DynamoDB tables of the configuration. Writers are held to APIs by the leading key of the Verge layout; a
/// table in the sample layout has no such key, so its writers write all of it.
///
/// A node that shares its breaker trips needs `trip` besides `serve`. IAM knows no condition on sort keys: it cannot be
/// held to the `#trip` items, and permits a node to put any row of the APIs. That is why it is apart, and optional.
#[derive(Debug, clap::Args)]
#[command(after_help = "Examples:
  verge mappings iam -c verge.toml                            what every node needs: reading
  verge mappings iam -c verge.toml --role trip --api orders   besides, for nodes that share trips
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
    /// With `--role writer` and `trip`: the APIs whose rows, or trips, may be written; may be repeated.
    #[arg(long = "api", value_name = "API", required_if_eq_any([("role", "writer"), ("role", "trip")]))]
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
    /// Besides `serve`, a node that shares breaker trips: may put any item of the APIs, for IAM cannot tell `#trip`.
    Trip,
    /// A team: the rows of its APIs.
    Writer,
    /// All rows, `freeze` and `accept`.
    Operator,
    /// Whoever runs `verge mappings init`.
    Init,
}

pub(super) fn run(args: &Args) -> Outcome {
    let config = config::load_unserved(&args.config.config)?;
    let own = config.apis.iter().filter_map(|api| api.table.as_ref());
    let arns: Vec<String> = config.table.iter().chain(own).filter_map(|table| arn(table, args)).collect();
    if arns.is_empty() {
        let reason = "no table with `source = \"dynamodb\"` is configured: IAM has no say in the others";
        return Err(Failure::new(Exit::Failed, reason));
    }
    let statement =
        |sid: &str, actions: &[&str]| json!({"Sid": sid, "Effect": "Allow", "Action": actions, "Resource": arns});
    let held = |sid: &str, actions: &[&str], keys: Json| {
        let mut statement = statement(sid, actions);
        set(&mut statement, json!({"ForAllValues:StringEquals": keys}));
        statement
    };
    let of_apis = |sid: &str, actions: &[&str]| held(sid, actions, json!({"dynamodb:LeadingKeys": args.apis}));
    // Every write also counts up `#generation`, which stands in Verge's own partition. Nothing but the number:
    // `#control` stands there, too.
    let counts = || {
        let number = json!({
            "dynamodb:LeadingKeys": [OWN_PARTITION],
            "dynamodb:Attributes": ["api", "version", "generation"],
        });
        held("VergeCountsGenerations", &["dynamodb:UpdateItem"], number)
    };
    let reads = statement("VergeReads", &READ_ACTIONS);
    let statements = match args.role {
        Role::Serve => vec![reads],
        // A trip is put, never deleted. Reading stands in the policy beside this one.
        Role::Trip => vec![of_apis("VergeTripsBreakers", &["dynamodb:PutItem"]), counts()],
        Role::Writer => vec![reads, of_apis("VergeWritesItsApis", &TRANSACTION_ACTIONS), counts()],
        Role::Operator => {
            let actions = [&TRANSACTION_ACTIONS[..], &["dynamodb:UpdateItem"]].concat();
            vec![reads, statement("VergeWrites", &actions)]
        }
        Role::Init => {
            vec![reads, statement("VergeCreates", &["dynamodb:CreateTable", "dynamodb:UpdateContinuousBackups"])]
        }
    };
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
