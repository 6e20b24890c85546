CREATE SCHEMA IF NOT EXISTS "visionbook";
--> statement-breakpoint
CREATE TABLE "visionbook"."corrections" (
	"id" bigserial PRIMARY KEY NOT NULL,
	"key" uuid NOT NULL,
	"task" text NOT NULL,
	"sha256" text NOT NULL,
	"labels" jsonb,
	"action" text NOT NULL,
	"prediction_id" bigint,
	"created_at" timestamp (3) with time zone NOT NULL,
	CONSTRAINT "corrections_key_unique" UNIQUE("key")
);
--> statement-breakpoint
CREATE TABLE "visionbook"."predictions" (
	"id" bigserial PRIMARY KEY NOT NULL,
	"task" text NOT NULL,
	"filename" text NOT NULL,
	"sha256" text NOT NULL,
	"model_run" text NOT NULL,
	"probabilities" jsonb NOT NULL,
	"classes" jsonb NOT NULL,
	"decision" jsonb NOT NULL,
	"prediction" text NOT NULL,
	"confidence" double precision NOT NULL,
	"milliseconds" double precision NOT NULL,
	"created_at" timestamp (3) with time zone NOT NULL,
	"upload_file" text,
	"other" jsonb
);
--> statement-breakpoint
CREATE TABLE "visionbook"."versions" (
	"task" text NOT NULL,
	"run" text NOT NULL,
	"state" text NOT NULL,
	"reason" text,
	"created_at" timestamp (3) with time zone NOT NULL,
	"mirrored_at" timestamp (3) with time zone NOT NULL,
	"details" jsonb NOT NULL,
	CONSTRAINT "versions_task_run_pk" PRIMARY KEY("task","run")
);
--> statement-breakpoint
CREATE INDEX "corrections_by_picture" ON "visionbook"."corrections" USING btree ("task","sha256","created_at","id");--> statement-breakpoint
CREATE INDEX "predictions_by_task" ON "visionbook"."predictions" USING btree ("task","created_at","id");--> statement-breakpoint
CREATE INDEX "predictions_by_time" ON "visionbook"."predictions" USING btree ("created_at","id");--> statement-breakpoint
CREATE INDEX "predictions_by_picture" ON "visionbook"."predictions" USING btree ("sha256","created_at","id");--> statement-breakpoint
CREATE INDEX "predictions_by_model" ON "visionbook"."predictions" USING btree ("task","model_run");