-- AlterTable
ALTER TABLE "entries" ADD COLUMN     "author" TEXT NOT NULL DEFAULT 'somebody';
